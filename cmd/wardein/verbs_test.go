package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/wardein/wardein/internal/testkit"
)

// docs/verbs.md is what help says.
func TestVerbs(t *testing.T) {
	const handbook = "../../docs/verbs.md"
	var b bytes.Buffer
	writeVerbs(&b, rootCmd())
	if flag.Lookup("update").Value.String() == "true" { // the flag is testkit's
		if err := os.WriteFile(handbook, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(handbook)
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what the verbs' help says: go test ./cmd/wardein -update", handbook)
	}
	for _, v := range verbs(rootCmd()) {
		if v.GroupID == "" && v.Parent() == rootCmd() || v.Short == "" {
			t.Errorf("%s has no group or no text", v.Name())
		}
	}
}

// The manual page is taken by groff without a warning, where there is groff.
func TestMan(t *testing.T) {
	var b bytes.Buffer
	if err := writeMan(&b, rootCmd()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{".SS wardein inspect FILE|DIR|\\-\n", ".B \\-\\-fail\\-on SEVERITY\n", "WARDEIN_FAIL_ON", ".B 130\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("manual page lacks %q", want)
		}
	}
	cmd := exec.Command(testkit.Tool(t, "groff"), "-man", "-Tutf8", "-ww", "-z")
	cmd.Stdin = &b
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("groff: %v\n%s", err, out)
	}
}

// A key of the configuration is the name of a flag that exists.
func TestSettings(t *testing.T) {
	if len(settings) >= 20 {
		t.Errorf("%d keys, want fewer than 20", len(settings))
	}
	flags := map[string]bool{}
	for _, v := range verbs(rootCmd()) {
		flagsOf(v, func(f *pflag.Flag) { flags[f.Name] = true })
	}
	for _, s := range settings {
		if !flags[s.key] {
			t.Errorf("no flag --%s", s.key)
		}
		if s.key == "no-sandbox" || s.key == "sandbox" {
			t.Error("a file must not turn the sandbox off")
		}
	}
}
