// A Pion client of one call: sends the packets of a file, keeps those that come back.
//
// Files hold packets as a big-endian 32-bit RTP timestamp, a 16-bit length and the payload. At the
// end {"sent": N, "received": N, "feedback": N} is posted to the other end.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const frame = 20 * time.Millisecond

func main() {
	url := flag.String("url", "", "where offers are answered")
	input := flag.String("send", "", "the packets to send")
	output := flag.String("keep", "", "where to write those that come")
	trickle := flag.Bool("trickle", false, "send candidates apart from the offer, and take them")
	message := flag.Int("message", 0, "bytes of a message to be sent, and sent back")
	flag.Parse()
	payloads := read(*input)

	connection, err := numbering().NewPeerConnection(webrtc.Configuration{})
	check(err)
	codec := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	packets, err := webrtc.NewTrackLocalStaticRTP(codec, "audio", "pion")
	check(err)
	sender, err := connection.AddTrack(packets)
	check(err)
	var feedback atomic.Int64
	go drain(sender, &feedback)

	var mutex sync.Mutex
	var kept bytes.Buffer
	received := 0
	connection.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := remote.ReadRTP()
			if err != nil {
				return
			}
			mutex.Lock()
			received++
			binary.Write(&kept, binary.BigEndian, packet.Timestamp)
			binary.Write(&kept, binary.BigEndian, uint16(len(packet.Payload)))
			kept.Write(packet.Payload)
			mutex.Unlock()
		}
	})
	var echoed atomic.Int64
	if *message > 0 {
		exchange(connection, *message, &echoed)
	}
	connected := make(chan struct{})
	connection.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			close(connected)
		case webrtc.PeerConnectionStateFailed:
			log.Fatal("the connection failed")
		}
	})
	if *trickle {
		negotiateAtOnce(connection, *url)
	} else {
		negotiate(connection, *url+"/offer")
	}
	answered := time.Now()
	select {
	case <-connected:
	case <-time.After(20 * time.Second):
		log.Fatal("no connection")
	}

	connectedMS := int(time.Since(answered).Milliseconds())
	// Pion says that it is connected just before it lets packets out.
	time.Sleep(100 * time.Millisecond)

	begun := time.Now()
	for n, payload := range payloads {
		time.Sleep(time.Until(begun.Add(time.Duration(n) * frame)))
		check(packets.WriteRTP(&rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: uint16(n), Timestamp: uint32(n * 960)},
			Payload: payload,
		}))
	}
	for tries := 0; tries < 50; tries++ {
		time.Sleep(100 * time.Millisecond)
		mutex.Lock()
		count := received
		mutex.Unlock()
		if allArrived(*url+"/received", count) {
			break
		}
	}
	mutex.Lock()
	check(os.WriteFile(*output, kept.Bytes(), 0o600))
	post(*url+"/result", map[string]int{"sent": len(payloads), "received": received, "connected_ms": connectedMS,
		"feedback": int(feedback.Load()), "echoed": int(echoed.Load())})
	mutex.Unlock()
	check(connection.Close())
}

// exchange sends a message once there is a channel, and counts what comes back.
func exchange(connection *webrtc.PeerConnection, bytes int, echoed *atomic.Int64) {
	channel, err := connection.CreateDataChannel("oai-events", nil)
	check(err)
	channel.OnOpen(func() { check(channel.SendText(strings.Repeat("x", bytes))) })
	channel.OnMessage(func(message webrtc.DataChannelMessage) { echoed.Add(int64(len(message.Data))) })
}

// numbering is Pion as it comes, which reports on numbered packets, and numbers its own too.
func numbering() *webrtc.API {
	media, registry := &webrtc.MediaEngine{}, &interceptor.Registry{}
	check(media.RegisterDefaultCodecs())
	check(webrtc.RegisterDefaultInterceptors(media, registry))
	check(webrtc.ConfigureTWCCHeaderExtensionSender(media, registry))
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry))
}

func negotiate(connection *webrtc.PeerConnection, url string) {
	offer, err := connection.CreateOffer(nil)
	check(err)
	gathered := webrtc.GatheringCompletePromise(connection)
	check(connection.SetLocalDescription(offer))
	<-gathered
	response, err := http.Post(url, "application/sdp", bytes.NewBufferString(connection.LocalDescription().SDP))
	check(err)
	answer, err := io.ReadAll(response.Body)
	check(err)
	check(connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}))
}

// negotiateAtOnce waits for no candidate: they go and come by requests of their own.
func negotiateAtOnce(connection *webrtc.PeerConnection, url string) {
	connection.OnICECandidate(func(candidate *webrtc.ICECandidate) {
		var init webrtc.ICECandidateInit
		if candidate != nil {
			init = candidate.ToJSON()
		}
		body, err := json.Marshal(init)
		check(err)
		response, err := http.Post(url+"/candidate", "application/json", bytes.NewReader(body))
		check(err)
		response.Body.Close()
	})
	offer, err := connection.CreateOffer(nil)
	check(err)
	check(connection.SetLocalDescription(offer))
	response, err := http.Post(url+"/offer?trickle", "application/sdp", bytes.NewBufferString(offer.SDP))
	check(err)
	answer, err := io.ReadAll(response.Body)
	check(err)
	check(connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}))
	go addCandidates(connection, url+"/candidate")
}

func addCandidates(connection *webrtc.PeerConnection, url string) {
	for {
		response, err := http.Get(url)
		check(err)
		var init *webrtc.ICECandidateInit
		check(json.NewDecoder(response.Body).Decode(&init))
		response.Body.Close()
		if init == nil {
			return
		}
		check(connection.AddICECandidate(*init))
	}
}

// allArrived asks the other end whether count is what it has sent.
func allArrived(url string, count int) bool {
	var answer struct{ Equal bool }
	check(json.Unmarshal(post(url, map[string]int{"received": count}), &answer))
	return answer.Equal
}

func post(url string, value map[string]int) []byte {
	body, err := json.Marshal(value)
	check(err)
	response, err := http.Post(url, "application/json", bytes.NewReader(body))
	check(err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	check(err)
	return answer
}

// drain reads RTCP, without which the interceptors don't see it, and counts transport-wide feedback.
func drain(sender *webrtc.RTPSender, feedback *atomic.Int64) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			if _, ok := packet.(*rtcp.TransportLayerCC); ok {
				feedback.Add(1)
			}
		}
	}
}

func read(path string) [][]byte {
	data, err := os.ReadFile(path)
	check(err)
	var payloads [][]byte
	for len(data) > 6 {
		length := int(binary.BigEndian.Uint16(data[4:6]))
		payloads = append(payloads, data[6:6+length])
		data = data[6+length:]
	}
	return payloads
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
