package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/prove/keys"
	"github.com/wardein/wardein/prove/statement"
)

// TestNothingLeaks: of a release nothing comes into a log but the commitments.
// It looks for every text of the report, the tree file and the release, and
// for every digest as text and as bytes, in all files of a log that was added
// to, served and cosigned, and in what is served.
func TestNothingLeaks(t *testing.T) {
	for _, salt := range [][]byte{nil, bytes.Repeat([]byte{7}, 32)} {
		w := newWorkbench(t)
		logKey := w.key(keys.Log, "log.example", false)
		w.key(keys.Lab, "lab.example", false)
		north := w.key(keys.Witness, "north.example", false)
		w.write("witnesses.policy", []byte("witness north "+north[0]+"\nquorum north\n"))
		w.run(0, "log", "init", "log", "--key", "log.example.key", "--lab", "lab.example.key", "--policy", "witnesses.policy")
		release := filepath.Join(samples(t), "an2400-1.1.0.bin")
		w.bundle("an2400-5.wardein", "lab.example", release, salt)
		w.run(0, "log", "add", "log", "--key", "log.example.key", "an2400-5.wardein")
		serve := w.start("log", "serve", "log", "--listen", "127.0.0.1:0")
		w.run(0, "witness", "--once", "--key", "north.example.key", "--state", "north.db", "--log", logKey[0]+"="+serve.url)
		w.run(0, "log", "add", "log", "--key", "log.example.key", "--wait", "1m", "an2400-5.wardein")

		var public []byte // what the log holds and tells, all in one
		err := filepath.WalkDir(w.path("log"), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			public = append(append(public, path[len(w.dir):]...), b...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"checkpoint", "cosigned", "tile/0/000.p/1", "tile/entries/000.p/1"} {
			res, err := http.Get(serve.url + path)
			if err != nil || res.StatusCode != 200 {
				t.Fatal(path, err, res)
			}
			b, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			public = append(public, b...)
		}
		serve.stop(t)

		// What may be there: the one entry, the keys, the names of a log's files.
		a, err := readAbout(w.path("an2400-5.wardein"))
		if err != nil {
			t.Fatal(err)
		}
		var raw bytes.Buffer
		raw.Write(w.read("log/policy"))
		entry, err := statement.EntryFor(signedIn(t, w.path("an2400-5.wardein")))
		if err != nil {
			t.Fatal(err)
		}
		b, err := entry.Bytes()
		if err != nil || !bytes.Contains(public, b) {
			t.Fatal("the entry is not in the log", err)
		}
		raw.Write(b)
		raw.WriteString(" .state checkpoint cosigned entries gather.lock policy publish.lock root size tile treeState treeState.lock version wardein.lock")
		allowed := raw.String()
		if hidden := !strings.Contains(allowed, a.release.String()); hidden != (salt != nil) {
			t.Errorf("salted: %v, subject hidden: %v", salt != nil, hidden)
		}

		texts := map[string]bool{}
		add := func(s string) {
			if len(s) >= 5 && !strings.Contains(allowed, s) {
				texts[s] = true
			}
			if d, err := hex.DecodeString(s); err == nil && len(d) == 32 && !strings.Contains(allowed, s) {
				texts[string(d)] = true
				texts[base64.StdEncoding.EncodeToString(d)[:42]] = true
			}
		}
		for _, name := range []string{"r.wardein.json", "r.jsonl"} {
			for line := range bytes.Lines(w.read(name)) {
				var v any
				if err := json.Unmarshal(line, &v); err != nil {
					t.Fatal(err)
				}
				eachText(v, func(s string) {
					add(s)
					plain, _ := canon.Unescape(s)
					for _, part := range strings.Split(plain, "/") {
						add(part)
					}
				})
			}
		}
		content, err := os.ReadFile(release)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range strings.FieldsFunc(string(content), func(r rune) bool { return r < 0x20 || r > 0x7e }) {
			if len(s) >= 8 {
				add(s)
			}
		}
		if len(texts) < 1000 {
			t.Errorf("only %d texts to look for", len(texts))
		}
		found := 0
		for s := range texts {
			if bytes.Contains(public, []byte(s)) {
				found++
				t.Errorf("the log holds %.80q", s)
			}
		}
		t.Logf("salted %v: %d texts and digests of the release looked for in %d bytes of the log, %d found", salt != nil, len(texts), len(public), found)
	}
}

// eachText walks all strings of a JSON value. Names of fields are not the release's.
func eachText(v any, f func(string)) {
	switch v := v.(type) {
	case string:
		f(v)
	case []any:
		for _, e := range v {
			eachText(e, f)
		}
	case map[string]any:
		for _, e := range v {
			eachText(e, f)
		}
	}
}

// signedIn is a bundle's statement.
func signedIn(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b, err := prove.Open(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := b.Read(prove.StatementName, maxStatement)
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}
