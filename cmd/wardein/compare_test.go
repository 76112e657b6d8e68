package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// daemon is a program of some functions, one of which is handed in.
const daemon = `
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
static char buf[512];
__attribute__((noinline)) static int parse(const char *s, int n) { int i, sum = 0; for (i = 0; i < n; i++) sum += s[i] * %s; return sum; }
__attribute__((noinline)) static int reply(int s, int v) { char b[64]; snprintf(b, sizeof b, "code %%d", v); return write(s, b, strlen(b)); }
__attribute__((noinline)) static int turn(int s) { int n = recv(s, buf, sizeof buf, 0); return n < 0 ? n : reply(s, parse(buf, n)); }
int main(void) { int s = socket(AF_INET, SOCK_STREAM, 0), c; listen(s, 5); while ((c = accept(s, 0, 0)) >= 0) { turn(c); close(c); } return 0; }
`

// release builds the root of a small release.
func release(t *testing.T, dir, factor string) {
	t.Helper()
	put := func(name, text string, mode os.FileMode) {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
	}
	put("etc/passwd", "root:x:0:0::/root:/bin/sh\n", 0o644)
	put("etc/inittab", "::sysinit:/etc/init.d/rcS\n", 0o644)
	put("etc/init.d/rcS", "#!/bin/sh\nmount -a\n", 0o755)
	put("usr/share/doc/guide.txt", strings.Repeat("A guide that nobody changes.\n", 20), 0o644)
	put("bin/tool", "#!/bin/sh\necho tool\n", 0o755)
	put("RELEASE-NOTES", "Release 1\n", 0o644)
	src := filepath.Join(t.TempDir(), "daemon.c")
	if err := os.WriteFile(src, fmt.Appendf(nil, daemon, factor), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "usr/sbin"), 0o755); err != nil {
		t.Fatal(err)
	}
	tool(t, dir, testkit.Tool(t, "gcc"), "-O2", "-s", "-Wl,--build-id=none", "-o", filepath.Join(dir, "usr/sbin/served"), src)
}

func tool(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// Changes that were planted in real images are all found, whatever holds them;
// what was not changed is not said to be.
func TestComparePlanted(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	old, new := filepath.Join(work, "old"), filepath.Join(work, "new")
	release(t, old, "31")
	release(t, new, "33")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	add := func(name, text string) {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(new, name), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
		must(err)
		_, err = f.WriteString(text)
		must(err)
		must(f.Close())
	}
	must(os.Chmod(filepath.Join(new, "bin/tool"), 0o755|os.ModeSetuid))
	add("etc/init.d/rcS", "/usr/sbin/telnetd -p 2323 -l /bin/sh\n")
	add("etc/passwd", "diag:x:0:0::/:/bin/sh\n")
	add("RELEASE-NOTES", "Release 2: stability improvements\n")
	must(os.Rename(filepath.Join(new, "usr/share/doc/guide.txt"), filepath.Join(new, "usr/share/doc/manual.txt")))

	images := map[string]func(root, image string){
		"squashfs": func(root, image string) {
			tool(t, root, testkit.Tool(t, "mksquashfs"), root, image, "-all-root", "-noappend", "-quiet", "-no-progress")
		},
		"cpio": func(root, image string) {
			tool(t, root, "sh", "-c", "find . | LC_ALL=C sort | "+testkit.Tool(t, "cpio")+" -o -H newc -R 0:0 --quiet > "+image)
		},
		"tar": func(root, image string) {
			tool(t, root, testkit.Tool(t, "tar"), "--sort=name", "--owner=0", "--group=0", "-czf", image, ".")
		},
		// in the newer release the file system stands at another place
		"flash": func(root, image string) {
			tool(t, root, testkit.Tool(t, "mksquashfs"), root, image+".fs", "-all-root", "-noappend", "-quiet", "-no-progress")
			fs, err := os.ReadFile(image + ".fs")
			must(err)
			at := 4096
			if root == new {
				at = 12288
			}
			head := strings.Repeat("boot loader code, say ", at)[:at]
			must(os.WriteFile(image, append([]byte(head), fs...), 0o644))
		},
	}
	for name, build := range images {
		t.Run(name, func(t *testing.T) {
			a, b := filepath.Join(work, "old."+name), filepath.Join(work, "new."+name)
			build(old, a)
			build(new, b)
			cmd := exec.Command(exe, "compare", "-q", "--json", a, b)
			cmd.Env = append(os.Environ(), "WARDEIN_TEST_RUN=1", "WARDEIN_STORE="+filepath.Join(work, "store"))
			out, err := cmd.Output()
			if code := cmd.ProcessState.ExitCode(); code != exitThreshold {
				t.Fatalf("exit code %d: %v", code, err)
			}
			var got struct {
				Rows []struct {
					Kind, Change, Old, New, What, Was, Is, Note string
					Functions                                   struct {
						List []struct {
							Change, Why string
							Lines       []string
							Network     bool
						}
						Same int
					}
				}
				Gaps  []struct{ Node, Why string }
				Notes []struct{ Lines []string }
			}
			must(json.Unmarshal(out, &got))
			want := map[string]bool{
				"setuid changed bin/tool mode 0755 4755":                       false,
				"moved changed usr/share/doc/manual.txt":                       false,
				"init changed etc/init.d/rcS script":                           false,
				"account new etc/passwd account diag":                          false,
				"init new etc/init.d/rcS /usr/sbin/telnetd -p 2323 -l /bin/sh": false,
				"code changed usr/sbin/served":                                 false,
				"listener new etc/init.d/rcS telnetd tcp/2323":                 false,
			}
			for i := range got.Rows {
				r := &got.Rows[i]
				p := r.New
				if p == "" {
					p = r.Old
				}
				if _, in, ok := strings.Cut(p, ".squashfs/"); ok {
					p = in
				}
				if p = path.Clean(strings.TrimPrefix(p, "data/")); strings.Contains(p, "guide") {
					t.Errorf("what did not change is in a row: %+v", r)
				}
				if r.Kind == "file" && r.Change != "new" {
					t.Errorf("paired with nothing: %+v", r)
				}
				s := strings.Join([]string{r.Kind, r.Change, p, r.What, r.Was, r.Is}, " ")
				for w := range want {
					if strings.HasPrefix(s, w) {
						want[w] = true
					}
				}
				if r.Kind != "code" {
					continue
				}
				if len(r.Functions.List) != 1 {
					t.Errorf("%d functions differ, want 1: %+v", len(r.Functions.List), r.Functions.List)
				}
			}
			for w, found := range want {
				if !found {
					t.Errorf("no row: %s", w)
				}
			}
			if len(got.Gaps) > 0 {
				t.Errorf("gaps: %+v", got.Gaps)
			}
			if len(got.Notes) != 1 || got.Notes[0].Lines[0] != "Release 2: stability improvements" {
				t.Errorf("release notes: %+v", got.Notes)
			}
			if t.Failed() {
				for _, r := range got.Rows {
					t.Logf("%+v", r)
				}
			}
		})
	}
}
