package startup

import (
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/checktest"
)

func TestRoot(t *testing.T) {
	for p, want := range map[string][2]string{"etc/a": {"", "etc/a"}, "fw/etc/a": {"fw/", "etc/a"}, "etc/x/etc/b": {"etc/x/", "etc/b"}, "fw/netc/a": {}, "etc": {}, "": {}} {
		if root, rel := Root(p); root != want[0] || rel != want[1] {
			t.Errorf("%q is %q in %q", p, rel, root)
		}
	}
}

// Links are followed inside one root, and never without end.
func TestResolve(t *testing.T) {
	tree := &checktest.Tree{}
	tree.Add("fw/etc/init.d/a", 0o755, []byte("x"))
	tree.Add("etc/init.d/b", 0o755, []byte("x"))
	for path, target := range map[string]string{
		"fw/etc/rc.d/up": "../../../../../etc/init.d/a", "fw/etc/rc.d/abs": "/etc/./init.d//a", "fw/etc/rc.d/two": "up", "fw/d": "etc/init.d",
		"fw/etc/rc.d/dir": "/d/a", "fw/etc/rc.d/x": "y", "fw/etc/rc.d/y": "x", "fw/etc/rc.d/self": ".", "fw/grow": "grow/grow",
	} {
		tree.Link(path, target, false)
	}
	b := &System{tree: tree}
	for _, long := range []string{strings.Repeat("a/", 5000), strings.Repeat("./", 600) + "etc/init.d/a", strings.Repeat("a", 5000)} {
		if at, ok := b.resolve("fw/", long); ok {
			t.Errorf("a name of %d bytes leads to %q", len(long), at)
		}
	}
	for rel, want := range map[string]string{
		"etc/rc.d/up": "fw/etc/init.d/a", "/etc/rc.d/abs": "fw/etc/init.d/a", "etc/rc.d/two": "fw/etc/init.d/a", "etc/rc.d/dir": "fw/etc/init.d/a",
		"etc/rc.d/x": "", "etc/none": "", "grow": "", "../../etc/init.d/b": "",
	} {
		if got, ok := b.resolve("fw/", rel); got != want && ok || ok != (want != "") {
			t.Errorf("%s leads to %q, want %q", rel, got, want)
		}
	}
}
