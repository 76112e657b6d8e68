package hiddenaccess

import (
	_ "embed"
	"net/netip"
	"sync"

	"github.com/wardein/wardein/internal/table"
)

//go:embed data/addresses.toml
var addressesTOML []byte

// server is a well-known server that devices name by its address.
type server struct {
	Address netip.Addr
	Is      string
	Source  string
}

type prefix struct {
	Prefix netip.Prefix
	Is     string
	Source string
}

var ranges = table.TOML[struct {
	Date    string
	Service []server
	Local   []prefix
	Example []prefix
}]("check/hiddenaccess/data/addresses.toml", addressesTOML)

var services = sync.OnceValue(func() map[netip.Addr]*server {
	all := map[netip.Addr]*server{}
	for i := range ranges().Service {
		s := &ranges().Service[i]
		all[s.Address] = s
	}
	return all
})

// wellKnown names the service at an address, "" for any other.
func wellKnown(a netip.Addr) string {
	if s := services()[a]; s != nil {
		return s.Is
	}
	return ""
}

// example tells an address of the ranges for documentation.
func example(a netip.Addr) bool {
	for _, p := range ranges().Example {
		if p.Prefix.Contains(a) {
			return true
		}
	}
	return false
}

// remote tells an address of another network from those that are not routed
// and from what has only the looks of one: version numbers, whose numbers are
// small, and X.520's object identifiers (2.5.4.3, 2.5.29.15).
func remote(a netip.Addr) bool {
	a = a.Unmap()
	if wellKnown(a) != "" {
		return true
	}
	for _, p := range ranges().Local {
		if p.Prefix.Contains(a) {
			return false
		}
	}
	if !a.Is4() {
		return true
	}
	b := a.As4()
	small := 0
	for _, n := range b {
		if n < 32 {
			small++
		}
	}
	mask := b[0] == 255 || b[3] == 255 || b[3] == 0
	return !mask && small < 3 && !(b[0] == 2 && b[1] == 5)
}
