// A TURN server made with Pion, for the lab: UDP, TCP and TLS on one address.
package main

import (
	"crypto/tls"
	"flag"
	"log"
	"net"

	"github.com/pion/turn/v4"
)

func main() {
	address := flag.String("address", "127.0.0.1:3478", "where to listen")
	relay := flag.String("relay", "127.0.0.1", "the relayed address")
	realm := flag.String("realm", "pion.example", "the realm")
	user := flag.String("user", "user", "the user")
	password := flag.String("password", "pass", "the password")
	certificate := flag.String("cert", "", "a certificate for TLS on -tls-address")
	key := flag.String("key", "", "its key")
	tlsAddress := flag.String("tls-address", "", "where to listen for TLS")
	flag.Parse()

	generator := &turn.RelayAddressGeneratorPortRange{
		RelayAddress: net.ParseIP(*relay), Address: *relay, MinPort: 49152, MaxPort: 65535,
	}
	udp, err := net.ListenPacket("udp4", *address)
	if err != nil {
		log.Fatal(err)
	}
	tcp, err := net.Listen("tcp4", *address)
	if err != nil {
		log.Fatal(err)
	}
	listeners := []turn.ListenerConfig{{Listener: tcp, RelayAddressGenerator: generator}}
	if *certificate != "" {
		pair, err := tls.LoadX509KeyPair(*certificate, *key)
		if err != nil {
			log.Fatal(err)
		}
		secure, err := tls.Listen("tcp4", *tlsAddress, &tls.Config{Certificates: []tls.Certificate{pair}})
		if err != nil {
			log.Fatal(err)
		}
		listeners = append(listeners, turn.ListenerConfig{Listener: secure, RelayAddressGenerator: generator})
	}
	_, err = turn.NewServer(turn.ServerConfig{
		Realm: *realm,
		AuthHandler: func(username, realm string, _ net.Addr) ([]byte, bool) {
			return turn.GenerateAuthKey(*user, realm, *password), username == *user
		},
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: udp, RelayAddressGenerator: generator}},
		ListenerConfigs:   listeners,
	})
	if err != nil {
		log.Fatal(err)
	}
	select {}
}
