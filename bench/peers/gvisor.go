// gVisor's netstack behind an AF_PACKET socket: a sink on PORT, a source on PORT+1, an echo on PORT+2, as peer.c has
// them. Super-segments both ways by the virtio-net header (host GSO), recvmmsg, SACK, cubic, moderated buffers.
//
//	gvisor INTERFACE ADDRESS PORT
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
	netlog "gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const (
	page     = 4096
	readSize = 1024 * 1024
	// A multiple of the page.
	writeSize  = 256 * 1024
	nic        = 1
	gsoMaxSize = 65535
	// Not in this version of x/sys/unix.
	packetIgnoreOutgoing = 23
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func done(what string, err tcpip.Error) {
	if err != nil {
		log.Fatalf("%s: %s", what, err)
	}
}

func htons(value uint16) uint16 { return value<<8 | value>>8 }

// openPacket opens the interface beside the kernel, which has no address on it.
func openPacket(nif *net.Interface) int {
	protocol := htons(unix.ETH_P_ALL)
	fd := must(unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0))
	for _, option := range []struct{ level, name, value int }{
		{unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1},
		{unix.SOL_PACKET, packetIgnoreOutgoing, 1},
		{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8 << 20},
		{unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 4 << 20},
	} {
		if err := unix.SetsockoptInt(fd, option.level, option.name, option.value); err != nil {
			log.Fatal(err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: nif.Index}); err != nil {
		log.Fatal(err)
	}
	return fd
}

func openStack(name string, address net.IP) *stack.Stack {
	nif := must(net.InterfaceByName(name))
	link := must(fdbased.New(&fdbased.Options{
		FDs:                []int{openPacket(nif)},
		MTU:                uint32(nif.MTU),
		EthernetHeader:     true,
		Address:            tcpip.LinkAddress(nif.HardwareAddr),
		GSOMaxSize:         gsoMaxSize,
		RXChecksumOffload:  true,
		PacketDispatchMode: fdbased.RecvMMsg,
	}))
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	done("NIC", s.CreateNIC(nic, link))
	own := tcpip.AddressWithPrefix{Address: tcpip.Address(address.To4()), PrefixLen: 24}
	done("address", s.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: own,
	}, stack.AddressProperties{}))
	s.SetRouteTable([]tcpip.Route{{Destination: own.Subnet(), NIC: nic}})
	sack, delay, moderate := tcpip.TCPSACKEnabled(true), tcpip.TCPDelayEnabled(false), tcpip.TCPModerateReceiveBufferOption(true)
	cubic := tcpip.CongestionControlOption("cubic")
	for _, option := range []tcpip.SettableTransportProtocolOption{&sack, &delay, &moderate, &cubic} {
		done("option", s.SetTransportProtocolOption(tcp.ProtocolNumber, option))
	}
	return s
}

func mark(offset uint64) byte { return byte(offset/page*167 + 13) }

func sink(conn net.Conn) {
	buffer := make([]byte, readSize)
	var bytes, wrong uint64
	for {
		n, err := conn.Read(buffer)
		for at := (bytes + page - 1) / page * page; at < bytes+uint64(n); at += page {
			if buffer[at-bytes] != mark(at) {
				wrong++
			}
		}
		bytes += uint64(n)
		if err != nil {
			break
		}
	}
	report := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, bytes), wrong)
	conn.Write(report)
}

func source(conn net.Conn) {
	var order [8]byte
	if n, err := conn.Read(order[:]); err != nil || n < len(order) {
		return
	}
	end := time.Now().Add(time.Duration(binary.LittleEndian.Uint64(order[:])) * time.Millisecond)
	buffer := make([]byte, writeSize)
	for offset := uint64(0); time.Now().Before(end); offset += writeSize {
		for at := uint64(0); at < writeSize; at += page {
			buffer[at] = mark(offset + at)
		}
		if _, err := conn.Write(buffer); err != nil {
			return
		}
	}
}

func echo(conn net.Conn) {
	var buffer [1]byte
	for {
		if _, err := conn.Read(buffer[:]); err != nil {
			return
		}
		conn.Write(buffer[:])
	}
}

func serve(listener net.Listener, handle func(net.Conn)) {
	for {
		conn := must(listener.Accept())
		go func() {
			handle(conn)
			conn.Close()
		}()
	}
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: gvisor INTERFACE ADDRESS PORT")
	}
	// It has a warning for each connection that a client resets.
	netlog.SetTarget(&netlog.GoogleEmitter{Writer: &netlog.Writer{Next: io.Discard}})
	s := openStack(os.Args[1], net.ParseIP(os.Args[2]))
	port := uint16(must(strconv.Atoi(os.Args[3])))
	for i, handle := range []func(net.Conn){sink, source, echo} {
		address := tcpip.FullAddress{NIC: nic, Port: port + uint16(i)}
		go serve(must(gonet.ListenTCP(s, address, ipv4.ProtocolNumber)), handle)
	}
	fmt.Println("ready")
	select {}
}
