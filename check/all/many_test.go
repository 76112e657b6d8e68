package all

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/inspect"
	"github.com/wardein/wardein/internal/testkit/checktest"
	"github.com/wardein/wardein/report"
)

// many is a release with n keys, n accounts that are open, n settings that hold
// a password, n hosts that what is started at boot names, n/10 configurations
// of updates without a signature, and one telnet server.
func many(t *testing.T, n int, checks []wardein.Check) *checktest.Forest {
	t.Helper()
	tree := &checktest.Tree{}
	var keys, accounts, settings, hosts strings.Builder
	cut := func(i, every int, b *strings.Builder, name string, mode uint32) {
		if (i+1)%every == 0 || i == n-1 {
			tree.Add(fmt.Sprintf(name, i), mode, []byte(b.String()))
			b.Reset()
		}
	}
	accounts.WriteString("root:*:0:0:root:/root:/bin/sh\n")
	for i := range n {
		seed := make([]byte, ed25519.SeedSize)
		copy(seed, fmt.Sprintf("key %d", i))
		der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed))
		if err != nil {
			t.Fatal(err)
		}
		keys.Write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		cut(i, 500, &keys, "fw/etc/ssl/keys%d.pem", 0o600)
		fmt.Fprintf(&accounts, "user%d::%d:100::/:/bin/sh\n", i, 1000+i)
		fmt.Fprintf(&settings, "acs_password=Tr0ub4dor%d\n", i)
		cut(i, 400, &settings, "fw/etc/config/remote%d.conf", 0o644)
		if hosts.Len() == 0 {
			hosts.WriteString("#!/bin/sh\n")
		}
		fmt.Fprintf(&hosts, "/bin/report 91.%d.%d.77\n", 50+i/200, 40+i%200)
		cut(i, 80, &hosts, "fw/etc/rc.d/S%dreport", 0o755)
		if i%10 == 0 {
			tree.Add(fmt.Sprintf("fw/etc/update%d.conf", i), 0o644, fmt.Appendf(nil, "update_url = http://update%d.example/fw\nverify = none\n", i))
		}
	}
	tree.Add("fw/etc/passwd", 0o644, []byte(accounts.String()))
	tree.Add("fw/etc/inittab", 0o644, []byte("::respawn:/usr/sbin/telnetd -F -l /bin/login\n"))
	tree.State(checks)
	f := checktest.NewForest()
	f.Grow(tree, "names", 1)
	return f
}

// Findings that grow with the release are few lines on the screen, push nothing
// out that is one of its kind, and keep their IDs in the next release.
func TestMany(t *testing.T) {
	checks := Checks()
	runner := inspect.New(checks)
	judge := func(n int) ([]wardein.Finding, map[string]int) {
		found, gaps, err := runner.Judge(context.Background(), many(t, n, checks))
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range gaps {
			if g.Kind != wardein.NoData {
				t.Errorf("gap: %+v", g)
			}
		}
		of := map[string]int{}
		for _, f := range found {
			of[f.Rule]++
		}
		return found, of
	}
	found, of := judge(2000)
	for rule, want := range map[string]int{"secret.private-key": 2000, "account.empty-password": 2000, "hiddenaccess.remote-address": 2000, "update.unverified": 200, "secret.acs": 1, "service.telnet": 1} {
		if of[rule] != want {
			t.Errorf("%d findings of %s, want %d", of[rule], rule, want)
		}
	}
	messages := map[string]string{}
	for _, c := range checks {
		for id, text := range c.Messages {
			messages[id] = text
		}
	}
	r := &wardein.Report{Findings: found, Counts: []wardein.CheckCount{{Check: "secret"}}}
	var screen bytes.Buffer
	if err := report.Table(&screen, r, "many", messages, report.Screen{Saved: "many"}); err != nil {
		t.Fatal(err)
	}
	for _, rule := range []string{"secret.private-key", "account.empty-password", "hiddenaccess.remote-address", "update.unverified", "secret.acs", "service.telnet"} {
		if !strings.Contains(screen.String(), " "+rule+" ") {
			t.Errorf("the screen lacks %s:\n%s", rule, &screen)
		}
	}
	if n := strings.Count(screen.String(), "\n"); n > 46 {
		t.Errorf("%d lines:\n%s", n, &screen)
	}
	next, _ := judge(2100)
	known := map[string]bool{}
	for _, f := range next {
		known[f.ID] = true
	}
	for _, f := range found {
		if !known[f.ID] && f.Rule != "update.hosts" { // a list: its ID is that of all it holds
			t.Errorf("%s %s is not in the next release", f.ID, f.Rule)
		}
	}
}
