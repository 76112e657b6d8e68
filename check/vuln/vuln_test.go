package vuln

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit/checktest"
	"github.com/wardein/wardein/vulndb"
	"github.com/wardein/wardein/vulndb/feed"
)

// release is a tree whose facts of other checks are given.
type release struct {
	*checktest.Tree
	given []wardein.Fact
	nodes []string
}

func (r *release) Facts(check string) iter.Seq2[*wardein.Node, wardein.Fact] {
	return func(yield func(*wardein.Node, wardein.Fact) bool) {
		for n, f := range r.Tree.Facts(check) {
			if !yield(n, f) {
				return
			}
		}
		for i, f := range r.given {
			of := map[string]string{"elf": "component", "option": "component", "configuration": "component"}[f.Kind]
			if check == cmp.Or(of, "service") && !yield(r.Lookup(r.nodes[i]), f) {
				return
			}
		}
	}
}

func database(t testing.TB, feeds []txtar.File) *vulndb.DB {
	t.Helper()
	dir := t.TempDir()
	w, err := vulndb.Create(filepath.Join(dir, "test.db"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	im := feed.New(w)
	im.Day = "2026-11-20"
	for _, f := range feeds {
		p := filepath.Join(dir, filepath.Base(f.Name))
		if err := os.WriteFile(p, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := im.Add(context.Background(), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(im.Close(), w.Commit()); err != nil {
		t.Fatal(err)
	}
	db, err := vulndb.Open(filepath.Join(dir, "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if bad, err := db.Malformed(10); err != nil || len(bad) > 0 {
		t.Errorf("malformed: %v, %v", bad, err)
	}
	return db
}

// A sample is feeds (feeds/NAME), components (JSON), facts of other checks
// (PATH KIND NAME=VALUE|NAME=VALUE), files, links (PATH -> TARGET), and what the
// check says, with the details of each vulnerability.
func TestGolden(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.txt")
	for _, p := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(p), ".txt"), func(t *testing.T) {
			ar, err := txtar.ParseFile(p)
			if err != nil {
				t.Fatal(err)
			}
			r := &release{Tree: &checktest.Tree{}}
			var feeds, kept []txtar.File
			var components []wardein.Component
			want := ""
			for _, f := range ar.Files {
				if f.Name != "want" {
					kept = append(kept, f)
				}
				switch {
				case f.Name == "want":
					want = string(f.Data)
				case strings.HasPrefix(f.Name, "feeds/"):
					feeds = append(feeds, f)
				case f.Name == "components":
					if err := json.Unmarshal(f.Data, &components); err != nil {
						t.Fatal(err)
					}
				case f.Name == "facts":
					for _, l := range strings.Split(strings.TrimSpace(string(f.Data)), "\n") {
						w := strings.SplitN(l, " ", 3)
						x := wardein.Fact{Kind: w[1]}
						for a := range strings.SplitSeq(w[2], "|") {
							k, v, _ := strings.Cut(a, "=")
							x.Attrs = append(x.Attrs, wardein.Note{Name: k, Value: v})
						}
						r.nodes, r.given = append(r.nodes, w[0]), append(r.given, x)
					}
				case f.Name == "links":
					for l := range strings.SplitSeq(strings.TrimSpace(string(f.Data)), "\n") {
						at, target, _ := strings.Cut(l, " -> ")
						r.Link(at, target, false)
					}
				default:
					r.Add(f.Name, 0o644, f.Data)
				}
			}
			r.Identified = components
			c := Check(Data{DB: database(t, feeds), AsOf: "2026-11-22"})
			tree := c.Tree
			var ended error
			c.Tree = func(ctx context.Context, _ wardein.Tree, out func(wardein.Finding)) error {
				ended = tree(ctx, r, out)
				return nil
			}
			found := r.Judge(t, c)
			got := checktest.String(c, found)
			for i := range found {
				for _, a := range found[i].Says.Args {
					if strings.HasPrefix(a.Name, "CVE-") {
						got += a.Name + "  " + a.Value + "\n"
					}
				}
			}
			if ended != nil {
				got += "gap: " + strings.ReplaceAll(ended.Error(), "\n", "\ngap: ") + "\n"
			}
			if got == want {
				return
			}
			if flag.Lookup("update").Value.String() != "true" {
				t.Fatalf("got:\n%s\nwant:\n%s", got, want)
			}
			ar.Files = append(kept, txtar.File{Name: "want", Data: []byte(got)})
			if err := os.WriteFile(p, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Where nothing was looked into there is a gap, and never a finding.
func TestGaps(t *testing.T) {
	kev := []txtar.File{{Name: "kev.json", Data: []byte(`{"catalogVersion":"x","dateReleased":"2026-09-01T00:00:00Z","vulnerabilities":[]}`)}}
	for want, data := range map[string]Data{
		"no database imported: known vulnerabilities were not examined":     {AsOf: "2026-11-22"},
		"only the embedded sample: known vulnerabilities were not examined": {DB: database(t, kev), Sample: true, AsOf: "2026-11-22"},
		"feed kev is of 2026-09-01, 82 days before 2026-11-22; the limit is 30 days\nthe database holds no statement about versions: known vulnerabilities were not examined": {DB: database(t, kev), AsOf: "2026-11-22"},
		"the database holds no statement about versions: known vulnerabilities were not examined":                                                                             {DB: database(t, kev), AsOf: "2026-10-01"},
	} {
		err := Check(data).Tree(context.Background(), &checktest.Tree{}, func(f wardein.Finding) { t.Errorf("%+v", f) })
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
		var g *wardein.Gap
		if !errors.As(err, &g) || g.Kind != wardein.NoData {
			t.Errorf("%v is no gap", err)
		}
	}
}

// Source files are only held against a kernel where its own lists say so.
func TestWithout(t *testing.T) {
	k := &built{folders: map[string]bool{}, arch: map[string]bool{}, listed: true}
	for _, d := range []string{"drivers/net/wireless/ath/ath9k", "fs/squashfs", "net/bridge/netfilter", "arch/arm/crypto"} {
		k.add(d)
	}
	for f, out := range map[string]bool{
		"drivers/net/wireless/ath/ath9k/hif_usb.c": false,
		"drivers/net/wireless/ath/ath10k/htt.c":    false, // ath.ko may lie above
		"drivers/net/ethernet/intel/e1000/e1000.c": true,
		"drivers/gpu/drm/amd/display/dc/core/dc.c": true,
		"drivers/base/core.c":                      false, // core code
		"mm/mmap.c":                                false,
		"fs/ntfs3/inode.c":                         true,
		"fs/namei.c":                               false,
		"fs/squashfs/block.c":                      false,
		"net/ipv4/tcp.c":                           false, // core code
		"net/tipc/link.c":                          true,
		"arch/s390/kernel/entry.S":                 true,
		"arch/arm/kernel/traps.c":                  false,
		"net/bridge/br.c":                          false,
		"sound/usb/quirks.c":                       true,
		"include/net/tcp.h":                        false,
	} {
		if got := k.without([]string{f}) != ""; got != out {
			t.Errorf("%s: left out %v, want %v", f, got, out)
		}
	}
	if s := (&built{}).without([]string{"drivers/net/ethernet/intel/e1000/e1000.c"}); s != "" {
		t.Errorf("nothing is known of the kernel: %q", s)
	}
}

// A list of symbols says of which folders there are functions; one that is too
// short for a kernel says nothing.
func TestSymbols(t *testing.T) {
	c := Check(Data{})
	for n, want := range map[int]string{10: "functions fs/xfs", 6000: "functions fs/xfs; symbols "} {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "c03%05x t xfs_f%d\n", i, i)
		}
		b.WriteString("c0400000 D btrfs_data\n")
		facts, err := checktest.Node(t, c, []byte(b.String()))
		var got []string
		for _, f := range facts {
			got = append(got, f.Kind+" "+f.Attr("folder"))
		}
		if err != nil || strings.Join(got, "; ") != want {
			t.Errorf("%d: %q, %v; want %q", n, got, err, want)
		}
	}
}

func FuzzNode(f *testing.F) {
	f.Add([]byte("c0300000 T xfs_inode_init\nc0300010 t btrfs_x\n"))
	f.Add([]byte("kernel/fs/squashfs/squashfs.ko\nkernel/net/ipv6/ipv6.ko\n"))
	f.Add(bytes.Repeat([]byte("kernel/a"), 100))
	f.Fuzz(func(t *testing.T, data []byte) { checktest.Node(t, Check(Data{}), data) })
}

// The order of vulnerabilities, with fixed numbers.
func TestPriority(t *testing.T) {
	exploited := &vulndb.Exploited{Added: "2026-01-02"}
	epss := func(score int) *vulndb.Likelihood { return &vulndb.Likelihood{Score: score} }
	for _, c := range []struct {
		what  string
		reach wardein.Reach
		m     vulndb.Match
		want  int
	}{
		{"exploited, on the network, likely, critical", wardein.NetworkSide, vulndb.Match{Exploited: exploited, EPSS: epss(94_000), Score: 98}, 1_092_120},
		{"exploited, from nowhere, no scores", wardein.NoneShown, vulndb.Match{Exploited: exploited}, 1_000_003},
		{"on the network, certain, 10.0", wardein.SubscriberSide, vulndb.Match{EPSS: epss(100_000), Score: 100}, 100_000},
		{"management, 0.5, 9.8", wardein.Management, vulndb.Match{EPSS: epss(50_000), Score: 98}, 24_500},
		{"local, 0.5, 9.8", wardein.Local, vulndb.Match{EPSS: epss(50_000), Score: 98}, 6_125},
		{"from nowhere, 0.5, 9.8", wardein.NoneShown, vulndb.Match{EPSS: epss(50_000), Score: 98}, 3_062},
		{"management, unlikely, 9.8", wardein.Management, vulndb.Match{EPSS: epss(40), Score: 98}, 19},
		{"management, no EPSS, 9.8", wardein.Management, vulndb.Match{Score: 98}, 49},
		{"management, no scores", wardein.Management, vulndb.Match{}, 25},
	} {
		if got := priority(c.reach, &c.m); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
	hits := []hit{
		{Match: vulndb.Match{Name: "CVE-1901-0006", Doubts: []string{"x"}, Exploited: exploited}, priority: 1_000_003},
		{Match: vulndb.Match{Name: "CVE-1901-0005", Status: vulndb.Investigating}, priority: 90_000},
		{Match: vulndb.Match{Name: "CVE-1901-0004", Score: 50}, priority: 25},
		{Match: vulndb.Match{Name: "CVE-1901-0003", Score: 98}, priority: 25},
		{Match: vulndb.Match{Name: "CVE-1901-0002", Score: 40}, priority: 24_500},
		{Match: vulndb.Match{Name: "CVE-1901-0001", Score: 30, Exploited: exploited}, priority: 1_000_100},
	}
	slices.SortFunc(hits, func(a, b hit) int { return before(&a, &b) })
	for i, h := range hits {
		if want := fmt.Sprintf("CVE-1901-%04d", i+1); h.Name != want {
			t.Errorf("place %d: %s, want %s", i, h.Name, want)
		}
	}
}

// A configuration that leaves a folder out says so; modules of another version
// say nothing.
func TestKernels(t *testing.T) {
	k := newKernels()
	k.symbols["fw/kernel/kallsyms"] = map[string]bool{"": true, "fs/btrfs": true}
	k.at("5.10.103-ex").options = map[string]bool{"NET": true, "BT": true, "NET_VENDOR_INTEL": true}
	k.at("4.9.1").add("net/tipc")
	for _, c := range []struct{ version, file, want string }{
		{"5.10.103", "net/tipc/link.c", "the kernel's configuration leaves net/tipc out (TIPC is not set)"},
		{"5.10.103", "net/bluetooth/hci_core.c", ""},
		{"5.10.103", "drivers/net/ethernet/intel/e1000/e1000_main.c", ""},
		{"5.10.103", "drivers/net/ethernet/realtek/r8169.c", "the kernel's configuration leaves drivers/net/ethernet/realtek out (NET_VENDOR_REALTEK is not set)"},
		{"5.10.103", "drivers/usb/core/hub.c", "the kernel's configuration leaves drivers/usb out (USB, USB_PHY, USB_SUPPORT, USB_GADGET, PCI, OF is not set)"},
		{"5.10.103", "mm/mmap.c", ""},
		{"4.9.1", "net/tipc/link.c", ""},
		{"4.9.1", "net/sctp/input.c", "no module lies beside its source files (net/sctp/input.c)"},
		{"6.1", "net/sctp/input.c", ""},
		{"3.4", "fs/btrfs/inode.c", ""},
		{"3.4", "mm/mmap.c", ""},
		{"3.4", "fs/xfs/xfs_inode.c", "no function of the kernel has a name that begins with xfs_, as those of fs/xfs do, and no module lies there"},
	} {
		x := &wardein.Component{Version: c.version}
		if c.version == "3.4" {
			x.Seen = []wardein.Occurrence{{Quote: wardein.Quote{Node: "fw/kernel"}}}
		}
		if got := k.of(x).without([]string{c.file}); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.version, c.file, got, c.want)
		}
	}
	both := k.of(&wardein.Component{Version: "5.10.103"}).without([]string{"net/tipc/link.c", "mm/mmap.c"})
	if both != "" {
		t.Errorf("one of the files is there: %q", both)
	}
}
