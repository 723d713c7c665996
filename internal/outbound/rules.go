package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// ErrForbidden is in the chain of every error that a rule caused. The text beside it names the address, so it is for
// the operator's log, never for a caller.
var ErrForbidden = errors.New("the outbound rules forbid this address")

// Rules say which addresses may be connected to. The zero value permits everything except what is never permitted:
// link-local, multicast and unspecified addresses and the metadata services of clouds.
type Rules struct {
	deny  list
	allow list // when it has entries, only these are permitted
}

// list is one parsed KEYWARD_OUTBOUND_ setting.
type list struct {
	loopback bool
	private  bool
	networks []netip.Prefix
}

// ParseRules reads the two lists. An entry is the word loopback, the word private, a network in CIDR notation or a
// single address. All faults are reported together.
func ParseRules(deny, allow []string) (Rules, error) {
	d, denyErr := parseList(deny)
	a, allowErr := parseList(allow)
	if err := errors.Join(denyErr, allowErr); err != nil {
		return Rules{}, err
	}
	return Rules{deny: d, allow: a}, nil
}

func parseList(entries []string) (list, error) {
	var l list
	var faults []error
	for _, entry := range entries {
		switch entry = strings.TrimSpace(entry); entry {
		case "":
		case "loopback":
			l.loopback = true
		case "private":
			l.private = true
		default:
			network, err := parseNetwork(entry)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			l.networks = append(l.networks, network)
		}
	}
	return l, errors.Join(faults...)
}

func parseNetwork(entry string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(entry); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(entry)
	if err != nil || network.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is not loopback, private, an address or a network such as 10.0.0.0/8", entry)
	}
	return network.Masked(), nil
}

func (l list) empty() bool { return !l.loopback && !l.private && len(l.networks) == 0 }

func (l list) holds(a netip.Addr) bool {
	if l.loopback && a.IsLoopback() || l.private && isPrivate(a) {
		return true
	}
	for _, network := range l.networks {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// isPrivate adds the shared address space of carriers (RFC 6598) to RFC 1918 and RFC 4193.
func isPrivate(a netip.Addr) bool {
	return a.IsPrivate() || netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10).Contains(a)
}

// Check tells whether the address may be connected to. An address that carries an IPv4 address inside (mapped,
// compatible, NAT64, 6to4) is judged by both.
func (r Rules) Check(a netip.Addr) error {
	if !a.IsValid() {
		return fmt.Errorf("%w: it is not an address", ErrForbidden)
	}
	a = a.Unmap().WithZone("")
	if err := r.check(a); err != nil {
		return err
	}
	if inner, ok := embedded(a); ok {
		return r.check(inner)
	}
	return nil
}

func (r Rules) check(a netip.Addr) error {
	switch {
	case never(a):
		return fmt.Errorf("%w: %s is never permitted", ErrForbidden, a)
	case r.deny.holds(a):
		return fmt.Errorf("%w: %s is on the deny list", ErrForbidden, a)
	case !r.allow.empty() && !r.allow.holds(a):
		return fmt.Errorf("%w: %s is not on the allow list", ErrForbidden, a)
	}
	return nil
}

// never lists what no setting opens.
func never(a netip.Addr) bool {
	if a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() || a.IsInterfaceLocalMulticast() {
		return true
	}
	if a.Is4() {
		b := a.As4()
		return b[0] == 0 || b[0] >= 240 || metadata4(b)
	}
	return metadata6(a.As16())
}

// metadata4 knows the metadata services outside 169.254.0.0/16: Alibaba, Azure's host agent and Oracle.
func metadata4(b [4]byte) bool {
	return b == [4]byte{100, 100, 100, 200} || b == [4]byte{168, 63, 129, 16} || b == [4]byte{192, 0, 0, 192}
}

// metadata6 knows fd00:ec2::/32 (AWS: metadata, DNS and time) and fd20:ce::254 (Google).
func metadata6(b [16]byte) bool {
	if [4]byte(b[:4]) == [4]byte{0xfd, 0x00, 0x0e, 0xc2} {
		return true
	}
	return b == [16]byte{0: 0xfd, 1: 0x20, 2: 0x00, 3: 0xce, 14: 0x02, 15: 0x54}
}

// embedded gives the IPv4 address inside an IPv6 one: IPv4-compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
func embedded(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() || a.IsLoopback() {
		return netip.Addr{}, false
	}
	b := a.As16()
	switch {
	case [12]byte(b[:12]) == [12]byte{}:
		return netip.AddrFrom4([4]byte(b[12:])), true
	case [12]byte(b[:12]) == [12]byte{0, 0x64, 0xff, 0x9b}:
		return netip.AddrFrom4([4]byte(b[12:])), true
	case b[0] == 0x20 && b[1] == 0x02:
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}

// Dialer gives a dialer that applies the rules to each address after name resolution, right before connecting, so that
// a name cannot show one address to a check and another to the connection.
func (r Rules) Dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{
		Timeout:   timeout,
		KeepAlive: 30 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%w: %q is not an address", ErrForbidden, address)
			}
			return r.Check(at.Addr())
		},
	}
}

// DialContext connects under the rules, for a transport's DialContext. It waits at most 10 seconds.
func (r Rules) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return r.Dialer(10*time.Second).DialContext(ctx, network, address)
}
