package main

import (
	"bytes"
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/prove/keys"
)

// testPassphrase opens the keys that testkey makes.
const testPassphrase = "test passphrase"

// testkey KIND NAME… writes NAME.key for each, with little work behind the
// passphrase, which it sets.
func testkey(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args[1:] {
		k, err := keys.Generate(keys.Kind(args[0]), name, false)
		ts.Check(err)
		b, err := k.Encrypt([]byte(testPassphrase), 1)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name+keyEnd), b, 0o600))
	}
	ts.Setenv(passphraseVariable, testPassphrase)
}

// testbundle NAME KEY FULL PUBLIC makes both bundles of NAME.wardein.json and
// its tree file.
func testbundle(ts *testscript.TestScript, _ bool, args []string) {
	b, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	k, err := keys.Open(b, func() ([]byte, error) { return []byte(testPassphrase), nil })
	ts.Check(err)
	signer, err := k.Signer()
	ts.Check(err)
	report, err := os.ReadFile(ts.MkAbs(args[0] + kinds["json"]))
	ts.Check(err)
	tree, err := os.ReadFile(ts.MkAbs(args[0] + kinds["jsonl"]))
	ts.Check(err)
	contact, err := os.ReadFile(ts.MkAbs("contact.dsse.json"))
	ts.Check(err)
	m, err := prove.Make(&prove.Draft{Report: report, Tree: bytes.NewReader(tree), TreeSize: int64(len(tree)), Contact: contact, Run: []byte("{}")}, signer)
	ts.Check(err)
	ts.Check(m.Save(ts.MkAbs(args[2]), false))
	ts.Check(m.Save(ts.MkAbs(args[3]), true))
}
