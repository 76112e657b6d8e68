package service

import (
	_ "embed"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/wardein/wardein/internal/table"
)

//go:embed data/servers.toml
var serversTOML []byte

// server is a program that opens a port when it is started.
type server struct {
	Names         []string
	About         string
	Ports         []string
	Option, Needs string
	Logins        bool
	Clear         bool
	Debug         bool
	Source        string
}

var listed = table.TOML[struct {
	Date   string
	Server []server
}]("check/service/data/servers.toml", serversTOML)

// servers are the table by name.
var servers = sync.OnceValue(func() map[string]*server {
	all := map[string]*server{}
	file := listed()
	for i := range file.Server {
		for _, name := range file.Server[i].Names {
			all[name] = &file.Server[i]
		}
	}
	return all
})

// serverOf is the server that a command line starts, nil for none.
func serverOf(words []string) *server {
	s := servers()[path.Base(words[0])]
	if s == nil || strings.HasPrefix(words[0], "/etc/") || s.Needs != "" && !holds(words[1:], s.Needs) {
		return nil
	}
	return s
}

// holds tells whether a command line has a word: as it is, as one of an
// option's letters, or, in capitals, in the beginning of an address.
func holds(args []string, word string) bool {
	for _, a := range args {
		letters := len(word) == 2 && word[0] == '-' && len(a) > 1 && a[0] == '-' && a[1] != '-' && strings.Contains(a, word[1:])
		if a == word || letters || word[0] != '-' && strings.Contains(strings.ToUpper(a), word) {
			return true
		}
	}
	return false
}

// listens are the ports that a command line makes a server listen on, and
// whether it is bound to the loopback interface.
func (s *server) listens(args []string) (ports []string, loopback bool) {
	ports = s.Ports
	for i, a := range args {
		value, ok := "", false
		switch {
		case s.Option == "":
		case i+1 < len(args) && (a == s.Option || len(a) > 2 && a[0] == '-' && a[1] != '-' && len(s.Option) == 2 && a[len(a)-1] == s.Option[1]):
			value, ok = args[i+1], true
		default:
			value, ok = strings.CutPrefix(a, s.Option)
			value = strings.TrimPrefix(value, "=")
		}
		if !ok {
			continue
		}
		host, port := "", value
		if k := strings.LastIndexByte(value, ':'); k >= 0 {
			host, port = value[:k], value[k+1:]
		}
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
			proto, _, _ := strings.Cut(s.Ports[0], "/")
			ports = []string{proto + "/" + port}
			addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
			loopback = host == "localhost" || err == nil && addr.IsLoopback()
		}
	}
	return ports, loopback
}
