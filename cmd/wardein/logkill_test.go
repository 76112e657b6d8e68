package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wardein/wardein/prove/keys"
	"github.com/wardein/wardein/prove/statement"
	"github.com/wardein/wardein/prove/tlog"
)

// killRounds is how often TestKill kills; WARDEIN_KILL_ROUNDS says another
// number.
const killRounds = 20

// TestKill kills what proves, what adds, what serves and what witnesses, with
// kill -9 at any moment, again and again. Whatever log add said is in the log
// stays there; the log is never damaged; a bundle is whole or not there; and
// witnesses never see another history than the log's.
func TestKill(t *testing.T) {
	rounds := killRounds
	if s := os.Getenv("WARDEIN_KILL_ROUNDS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorkbench(t)
	logKey := w.key(keys.Log, "log.example", false)
	labKey := w.key(keys.Lab, "lab.example", false)
	north := w.key(keys.Witness, "north.example", false)
	south := w.key(keys.Witness, "south.example", false)
	rules := func(url string) string {
		return "log " + logKey[0] + "\nlab " + labKey[0] + "\nwitness north " + north[0] + " " + url + "\nwitness south " + south[0] + "\ngroup any any north south\nquorum any\n"
	}
	w.run(0, "log", "init", "log", "--key", "log.example.key", "--lab", "lab.example.key")
	w.bundle("b.wardein", "lab.example", filepath.Join(samples(t), "an2400-1.1.0.bin"), nil)
	w.statements("lab.example", 400)

	random := rand.New(rand.NewPCG(6, 0))
	acknowledged := map[string]uint64{}
	said := regexp.MustCompile(`(?m)^(\S+) · entry (\d+) of log\.example, (\d+) entries`)
	hear := func(out []byte) {
		for _, m := range said.FindAllSubmatch(out, -1) {
			at, err := strconv.ParseUint(string(m[2]), 10, 64)
			if before, ok := acknowledged[string(m[1])]; err != nil || ok && before != at {
				t.Errorf("%s was entry %d, now it is %s", m[1], before, m[2])
			}
			acknowledged[string(m[1])] = at
		}
	}
	killed := 0
	proved := 0
	for round := range rounds {
		witness := w.start("witness", "--key", "north.example.key", "--state", "north.db", "--listen", "127.0.0.1:0", "--log", logKey[0])
		w.write("policy", []byte(rules(witness.url)))
		if err := os.Rename(w.path("policy"), w.path("log/policy")); err != nil {
			t.Fatal(err)
		}
		serve := w.start("log", "serve", "log", "--listen", "127.0.0.1:0")
		args := []string{"log", "add", "log", "--key", "log.example.key", "b.wardein"}
		for range 1 + random.IntN(12) {
			args = append(args, fmt.Sprintf("%d.dsse.json", random.IntN(400)))
		}
		add := w.command(args...)
		var out bytes.Buffer
		add.Stdout = &out
		outbound := w.command("witness", "--once", "--key", "south.example.key", "--state", "south.db", "--log", logKey[0]+"="+serve.url)
		bundle := fmt.Sprintf("p%d.wardein", round)
		prover := w.command("prove", "r", "--tree", "r.jsonl", "--key", "lab.example.key", "-o", bundle)
		for _, c := range []*exec.Cmd{add, outbound, prover} {
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
		}
		victims := 1 + random.IntN(31)
		for i, c := range []*exec.Cmd{prover, add, serve.cmd, witness.cmd, outbound} {
			if victims&(1<<i) != 0 {
				time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
				c.Process.Kill()
				killed++
			}
		}
		add.Wait()
		outbound.Wait()
		done := prover.Wait() == nil
		serve.kill()
		witness.kill()
		hear(out.Bytes())
		if _, err := w.verified("b.wardein", w.policy("lab "+labKey[0]+"\nquorum none\n")); err != nil && !strings.Contains(err.Error(), "the policy names no log") {
			t.Fatalf("the bundle is damaged: %v", err)
		}
		if _, err := os.Stat(w.path(bundle)); err == nil {
			proved++
			if _, err := w.verified(bundle, w.policy("lab "+labKey[0]+"\nquorum none\n")); err != nil {
				t.Fatalf("%s is damaged: %v", bundle, err)
			}
		} else if done {
			t.Errorf("prove ended well, and %s is not there", bundle)
		}
	}

	// all that was said to be there is there, and can be proved
	w.write("log/policy", []byte(rules("http://127.0.0.1:1/")))
	serve := w.start("log", "serve", "log", "--listen", "127.0.0.1:0")
	w.run(0, "log", "add", "log", "--key", "log.example.key", "b.wardein")
	w.run(0, "witness", "--once", "--key", "south.example.key", "--state", "south.db", "--log", logKey[0]+"="+serve.url)
	hear([]byte(w.run(0, "log", "add", "log", "--key", "log.example.key", "--wait", "1m", "b.wardein")))
	serve.kill()
	if _, err := w.verified("b.wardein", w.policy(rules(""))); err != nil {
		t.Errorf("bundle: %v", err)
	}
	d, err := tlog.Open(w.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	_, s, err := d.Newest(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	held := map[uint64]string{}
	if _, err := d.Replay(t.Context(), s.Size, nil, func(i uint64, e []byte) error { held[i] = string(e); return nil }); err != nil {
		t.Error(err)
	}
	for name, at := range acknowledged {
		if name == "b.wardein" {
			continue // verified
		}
		e, err := statement.EntryFor(w.read(name))
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := e.Bytes(); held[at] != string(b) {
			t.Errorf("%s was acknowledged as entry %d, which is %q", name, at, held[at])
		}
	}
	once := map[string]bool{}
	for i, e := range held {
		if once[e] {
			t.Errorf("entry %d is there twice: %s", i, e)
		}
		once[e] = true
	}
	w.run(0, "log", "monitor", "log", "--policy", "log/policy")
	t.Logf("%d rounds, %d processes killed, %d entries acknowledged of %d in the log, %d bundles", rounds, killed, len(acknowledged), s.Size, proved)
	if rounds >= killRounds && len(acknowledged) < 3 {
		t.Errorf("only %d entries were acknowledged: nothing was tested", len(acknowledged))
	}
}
