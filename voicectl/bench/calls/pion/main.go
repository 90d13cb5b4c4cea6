// A Pion endpoint that does the work of voicectl.bench.calls.endpoint, with the same
// libopus. Each line of standard input is an offer, {"offer": SDP}; each line of standard output
// its answer, {"answer": SDP}.
//
//	pion agent|echo|forward VOICE
//
// As `pion gomaxprocs` it tells on how many cores it would run Go.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"runtime"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

const (
	rateHz       = 48000
	agentRateHz  = 16000
	frameSamples = rateHz / 50
	// The agent speaks two seconds in every five.
	cycleFrames  = 250
	spokenFrames = 100
	// Encoded audio of one frame at 32 kbit/s takes 80 bytes.
	maxPayload = 1275
)

// What the agent says.
var voice []int16

type message struct {
	Offer  string `json:"offer,omitempty"`
	Answer string `json:"answer,omitempty"`
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "gomaxprocs" {
		fmt.Println(runtime.GOMAXPROCS(0))
		return
	}
	handlers := map[string]handler{"agent": agent, "echo": echo, "forward": forward}
	if len(os.Args) != 3 || handlers[os.Args[1]] == nil {
		log.Fatal("usage: pion agent|echo|forward VOICE")
	}
	voice = readVoice(os.Args[2])
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var request message
		check(json.Unmarshal(lines.Bytes(), &request))
		check(answers.Encode(message{Answer: accept(request.Offer, handlers[os.Args[1]])}))
	}
	check(lines.Err())
}

// handler serves one call: remote is what comes in, local what goes out, done the end.
type handler func(remote *webrtc.TrackRemote, local localTracks, done <-chan struct{})

type localTracks struct {
	samples *webrtc.TrackLocalStaticSample
	packets *webrtc.TrackLocalStaticRTP
}

func accept(offer string, handle handler) string {
	connection, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	check(err)
	codec := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: rateHz, Channels: 2}
	samples, err := webrtc.NewTrackLocalStaticSample(codec, "audio", "pion")
	check(err)
	packets, err := webrtc.NewTrackLocalStaticRTP(codec, "audio", "pion")
	check(err)
	var track webrtc.TrackLocal = samples
	if os.Args[1] == "forward" {
		track = packets
	}
	sender, err := connection.AddTrack(track)
	check(err)
	go drain(sender)

	done := make(chan struct{})
	connection.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		handle(remote, localTracks{samples, packets}, done)
	})
	connection.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateFailed:
			connection.Close()
		case webrtc.PeerConnectionStateClosed:
			close(done)
		}
	})

	check(connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}))
	answer, err := connection.CreateAnswer(nil)
	check(err)
	gathered := webrtc.GatheringCompletePromise(connection)
	check(connection.SetLocalDescription(answer))
	<-gathered
	return connection.LocalDescription().SDP
}

// drain reads RTCP, without which the interceptors don't see it.
func drain(sender *webrtc.RTPSender) {
	buffer := make([]byte, 1500)
	for {
		if _, _, err := sender.Read(buffer); err != nil {
			return
		}
	}
}

// forward sends back what comes, undecoded.
func forward(remote *webrtc.TrackRemote, local localTracks, _ <-chan struct{}) {
	for {
		packet, _, err := remote.ReadRTP()
		if err != nil {
			return
		}
		if local.packets.WriteRTP(packet) != nil {
			return
		}
	}
}

// echo decodes at 48 kHz what comes, encodes it anew and sends it back.
func echo(remote *webrtc.TrackRemote, local localTracks, _ <-chan struct{}) {
	decoder, encoder := newDecoder(rateHz), newEncoder()
	defer decoder.close()
	defer encoder.close()
	pcm, payload := make([]int16, 6*frameSamples), make([]byte, maxPayload)
	for {
		packet, _, err := remote.ReadRTP()
		if err != nil {
			return
		}
		samples := decoder.decode(packet.Payload, pcm)
		if samples != frameSamples {
			continue
		}
		length := encoder.encode(pcm[:frameSamples], payload)
		if local.samples.WriteSample(media.Sample{Data: payload[:length], Duration: 20 * time.Millisecond}) != nil {
			return
		}
	}
}

// agent decodes at 16 kHz what comes and tells speech by its energy, and speaks two seconds of
// every five. Energy costs less than the detector that voicectl runs.
func agent(remote *webrtc.TrackRemote, local localTracks, done <-chan struct{}) {
	go speak(local.samples, done)
	decoder := newDecoder(agentRateHz)
	defer decoder.close()
	pcm := make([]int16, 6*agentRateHz/50)
	for {
		packet, _, err := remote.ReadRTP()
		if err != nil {
			return
		}
		if samples := decoder.decode(packet.Payload, pcm); samples > 0 {
			energy(pcm[:samples])
		}
	}
}

func speak(track *webrtc.TrackLocalStaticSample, done <-chan struct{}) {
	encoder := newEncoder()
	defer encoder.close()
	payload := make([]byte, maxPayload)
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for frame := 0; ; frame = (frame + 1) % cycleFrames {
		select {
		case <-done:
			return
		case <-ticks.C:
		}
		if frame >= spokenFrames {
			continue
		}
		pcm := voice[frame*frameSamples : (frame+1)*frameSamples]
		length := encoder.encode(pcm, payload)
		// Fails at the end of the call only.
		if track.WriteSample(media.Sample{Data: payload[:length], Duration: 20 * time.Millisecond}) != nil {
			return
		}
	}
}

// readVoice takes raw 16-bit PCM of spokenFrames frames.
func readVoice(path string) []int16 {
	data, err := os.ReadFile(path)
	check(err)
	pcm := make([]int16, spokenFrames*frameSamples)
	_, err = binary.Decode(data, binary.LittleEndian, pcm)
	check(err)
	return pcm
}

func energy(pcm []int16) float64 {
	sum := 0.0
	for _, sample := range pcm {
		sum += float64(sample) * float64(sample)
	}
	return sum
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
