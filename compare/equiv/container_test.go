package equiv

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const builds = `
[shipped]
epoch = 1661904000
users = ["buildd"]
owners = ["0:0"]
[rebuilt]
epoch = 1795132800
users = ["lab"]
owners = ["1000:1000"]
`

// images are containers of one folder, made with other times, owners, orders
// and levels; each is made in a folder that has root/.
var images = []struct {
	name, shipped, rebuilt string
	tools                  []string
	rules                  []string // that must be among those used
}{
	{"tar", "tar cf ../img --sort=name --owner=buildd:0 --group=buildd:0 --format=ustar .", "tar cf ../img --sort=name --owner=lab:1000 --group=lab:1000 --format=ustar .",
		[]string{"tar"}, []string{"checksum", "name", "owner", "stamp"}},
	{"tar of gnu, other order", "tar cf ../img --sort=name --owner=0 --group=0 --format=gnu ./a ./b ./link", "tar cf ../img --sort=name --owner=0 --group=0 --format=gnu ./link ./b ./a",
		[]string{"tar"}, []string{"checksum", "order", "stamp"}},
	{"tar of pax", "tar cf ../img --sort=name --owner=0 --group=0 --format=pax --pax-option=delete=atime,delete=ctime,exthdr.name=x .", "tar cf ../img --sort=name --owner=0 --group=0 --format=pax --pax-option=delete=atime,delete=ctime,exthdr.name=x .",
		[]string{"tar"}, []string{"checksum", "stamp"}},
	{"tar.gz", "tar c --sort=name --owner=0 --group=0 . | gzip -1n > ../img", "tar c --sort=name --owner=0 --group=0 . | gzip -9n > ../img", []string{"tar", "gzip"}, []string{"checksum", "compression", "stamp"}},
	{"tar.xz", "tar c --sort=name --owner=0 --group=0 . | xz -1 > ../img", "tar c --sort=name --owner=0 --group=0 . | xz -6 --check=crc64 > ../img", []string{"tar", "xz"}, []string{"compression", "stamp"}},
	{"gz", "gzip -c a > ../img", "gzip -9c a > ../img", []string{"gzip"}, []string{"compression", "stamp"}},
	{"cpio", "find . | sort | cpio -o -H newc --quiet -R 0:0 > ../img", "find . | sort -r | cpio -o -H newc --quiet -R 1000:1000 > ../img", []string{"cpio"}, []string{"inode", "order", "owner", "stamp"}},
	{"cpio of crc", "find . | sort | cpio -o -H crc --quiet -R 0:0 > ../img", "find . | sort | cpio -o -H crc --quiet -R 0:0 > ../img", []string{"cpio"}, []string{"stamp"}},
	{"ar", "ar rcU ../img a b", "ar rcU ../img b a", []string{"ar"}, []string{"order", "stamp"}},
	{"squashfs", "mksquashfs . ../img -all-root -comp gzip -noappend -quiet -no-progress -mkfs-time 1661904000", "mksquashfs . ../img -all-root -comp xz -b 65536 -noappend -quiet -no-progress -mkfs-time 1795132800",
		[]string{"mksquashfs"}, []string{"compression", "size", "stamp", "tables"}},
	{"uimage", "SOURCE_DATE_EPOCH=1661904000 mkimage -A arm -O linux -T firmware -C none -n img -d b ../img", "SOURCE_DATE_EPOCH=1795132800 mkimage -A arm -O linux -T firmware -C none -n img -d b ../img",
		[]string{"mkimage"}, []string{"checksum", "stamp"}},
}

// makeImage makes a container of the files. change is done to them before.
func makeImage(t *testing.T, command string, epoch int64, change string) *release {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	write(t, root, "a", strings.Repeat("a line of text\n", 3000))
	write(t, root, "b", "b\nPermitRootLogin no\n")
	if err := os.Symlink("a", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	sh(t, root, "chmod 0755 a; "+change)
	sh(t, root, fmt.Sprintf("find . -exec touch -h -d @%d {} +", epoch))
	sh(t, root, "umask 022; { "+command+"; } >/dev/null 2>&1")
	return open(t, filepath.Join(dir, "img"))
}

func TestContainers(t *testing.T) {
	for _, c := range images {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tools(t, c.tools...)
			a, b := makeImage(t, c.shipped, 1661904000, ""), makeImage(t, c.rebuilt, 1795132800, "")
			r := judge(t, a, b, factsOf(t, builds))
			if r.Verdict != Equivalent {
				t.Fatalf("%s", text(t, r))
			}
			for _, want := range c.rules {
				if !slices.Contains(rulesOf(r), want) {
					t.Errorf("no rule %s among %s\n%s", want, rulesOf(r), text(t, r))
				}
			}
			if n := r.Bytes; n.Unexplained+n.NotCovered != 0 || n.Total() == 0 {
				t.Errorf("%+v", n)
			}
			if again := judge(t, a, a, nil); again.Verdict != Identical || len(again.List) != 0 || again.Bytes.Identical != again.Bytes.Total() {
				t.Errorf("with itself: %s", text(t, again))
			}
			// Nothing is accepted that was not declared.
			if r := judge(t, a, b, nil); r.Verdict != Different {
				t.Errorf("without facts: %s", text(t, r))
			}
			if r := judge(t, a, b, factsOf(t, strings.ReplaceAll(builds, "1795132800", "1795132801"))); r.Verdict != Different {
				t.Errorf("with another time: %s", text(t, r))
			}
			for _, change := range []struct{ what, do, file string }{
				{"a mode", "chmod 4755 a", "a"}, {"a line", "echo PermitRootLogin yes > b", "b"}, {"a byte", "printf X | dd of=a bs=1 seek=2000 conv=notrunc 2>/dev/null", "a"},
				{"a target", "ln -sf /tmp/a link", "link"},
			} {
				if alone := c.name == "gz" || c.name == "ar" || c.name == "uimage"; alone && (change.what == "a target" || c.name == "gz" && change.what != "a byte" || c.name == "uimage" && change.what != "a line") {
					continue // they hold no such thing
				}
				r := judge(t, a, makeImage(t, c.rebuilt, 1795132800, change.do), factsOf(t, builds))
				if r.Verdict != Different {
					t.Errorf("%s: %s", change.what, text(t, r))
					continue
				}
				if c.name == "gz" || c.name == "uimage" {
					continue // the member has another name
				}
				if f := r.file(change.file); f == nil || f.Verdict != Different {
					t.Errorf("%s: not at %s: %s", change.what, change.file, text(t, r))
				}
			}
		})
	}
}

// A file more, on either side, is not comparable, and the verdict says so.
func TestNoCounterpart(t *testing.T) {
	tools(t, "tar")
	const pack = "tar cf ../img --sort=name --owner=0 --group=0 --mtime=@1661904000 ."
	a, b := makeImage(t, pack, 1661904000, ""), makeImage(t, pack, 1661904000, "echo more > more")
	r := judge(t, a, b, nil)
	if f := r.file("more"); r.Verdict != NotComparable || f == nil || f.Only != "rebuilt" || r.Files.Different != 0 {
		t.Errorf("%s", text(t, r))
	}
	r = judge(t, b, a, nil)
	if f := r.file("more"); r.Verdict != NotComparable || f == nil || f.Only != "shipped" || r.Bytes.NotCovered < 5 {
		t.Errorf("%s", text(t, r))
	}
}

// Wrong checksums are not derived from anything.
func TestWrongChecksum(t *testing.T) {
	tools(t, "mkimage", "gzip")
	a, b := makeImage(t, images[10].shipped, 1661904000, ""), makeImage(t, images[10].rebuilt, 1795132800, "")
	damaged := slices.Clone(b.of(b.Digest))
	damaged[4] ^= 1 // of the header
	p := filepath.Join(t.TempDir(), "img")
	if err := os.WriteFile(p, damaged, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := judge(t, a, open(t, p), factsOf(t, builds)); r.Verdict == Equivalent || r.Verdict == Identical {
		t.Errorf("%s", text(t, r))
	}
}
