package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/wardein/wardein/internal/testkit/schema"
)

// TestForms inspects the sample releases and validates each form for other
// tools against its published schema. None names the input, the folder or the
// machine.
func TestForms(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(exe, args...)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "WARDEIN_TEST_RUN=1", "WARDEIN_STORE="+filepath.Join(work, "store"), "XDG_CONFIG_HOME="+work)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	// names that a form must escape, in findings and in gaps
	hostile := filepath.Join(work, "hostile")
	for _, name := range []string{"a\x1b[2Jb", "c\u202egpj.exe", "d\xff", "e\nf", "%41?x#y", "[l](http:) {0}", "x:y"} {
		for file, text := range map[string]string{"etc/passwd": "root::0:0:root:/root:/bin/sh\n", "cut.gz": "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x4c"} {
			path := filepath.Join(hostile, name, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	published := map[string]*jsonschema.Schema{}
	for file, name := range map[string]string{"b": schema.CycloneDX, "s": schema.SPDX, "s3": schema.SPDX3, "r": schema.SARIF, "v": schema.CSAF} {
		published[file] = schema.Compile(t, name)
	}
	for _, in := range []string{"an2400-1.0.0.bin", "an2400-1.1.0.bin", "an2400-1.1.0", hostile} {
		if !filepath.IsAbs(in) {
			in = filepath.Join(samples(t), in)
		}
		run("inspect", "-q", "-o", "table=t", "-o", "cyclonedx=b", "-o", "spdx=s", "-o", "spdx3=s3", "-o", "sarif=r", "-o", "csaf=v", "--publisher-name", "Example Lab", "--publisher-namespace", "https://lab.example", in)
		for file, form := range published {
			doc, err := os.ReadFile(filepath.Join(work, file))
			if err != nil {
				t.Fatal(err)
			}
			schema.Valid(t, form, doc)
			for _, no := range []string{work, filepath.Dir(in), filepath.Base(in)} {
				if bytes.Contains(doc, []byte(no)) {
					t.Errorf("%s of %s names %q", file, in, no)
				}
			}
			if regexp.MustCompile(`\b` + regexp.QuoteMeta(host) + `\b`).Match(doc) {
				t.Errorf("%s of %s names this machine", file, in)
			}
		}
	}
}
