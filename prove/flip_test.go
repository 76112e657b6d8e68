package prove

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/prove/statement"
)

// refusedPart is the part that a bundle is refused for, "" when it is not.
func refusedPart(t testing.TB, b []byte, p *policy.Policy) string {
	t.Helper()
	_, err := verify(b, p)
	if err == nil {
		return ""
	}
	var r *Refused
	if !errors.As(err, &r) {
		t.Errorf("an error that names no part: %v", err)
		return "?"
	}
	if !strings.HasPrefix(err.Error(), "bundle: "+r.Part+": ") || len(err.Error()) > 1000 {
		t.Errorf("error %q of part %q", err, r.Part)
	}
	return r.Part
}

// file is a member of a container that is put together by hand.
type file struct {
	name    string
	content []byte
}

func unpackBundle(t testing.TB, b []byte) (files []file) {
	t.Helper()
	o, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range o.Members {
		files = append(files, file{m.Name, b[m.off : m.off+m.Size : m.off+m.Size]})
	}
	return files
}

// pack makes a container of whatever it is given.
func pack(files []file) (b []byte) {
	var members []Member
	for _, f := range files {
		m := Member{Name: f.name, Size: int64(len(f.content)), crc: crc32.ChecksumIEEE(f.content)}
		b = local(b, &m)
		m.off = int64(len(b))
		b = append(b, f.content...)
		members = append(members, m)
	}
	return append(b, directory(members, int64(len(b)))...)
}

// TestFlips changes every byte of a bundle, one at a time: as it stands, and
// with a container that is right again, so that only the member can tell.
func TestFlips(t *testing.T) {
	_, full := answered(t, nationA, nationB)
	p := parsePolicy(t, strings.Replace(policyText(classic), "quorum all-three", "quorum nations", 1))
	if part := refusedPart(t, full, p); part != "" {
		t.Fatalf("refused for %s before a byte was changed", part)
	}
	where := make([]string, len(full)) // the part of each byte
	for i := range where {
		where[i] = "container"
	}
	b, err := Open(bytes.NewReader(full), int64(len(full)))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range b.Members {
		for i := range m.Size {
			where[m.off+i] = "member " + m.Name
		}
	}
	type change struct {
		at      int
		by      byte // exclusive or
		rebuilt bool
	}
	random := rand.New(rand.NewPCG(6, 2))
	var changes []change
	step := 1
	if testing.Short() {
		step = 37
	}
	for i := 0; i < len(full); i += step {
		changes = append(changes, change{i, 1 << random.IntN(8), false})
		if where[i] != "container" {
			by := byte(1) // the last bit of a base64 digit
			if i%2 == 0 {
				by = byte(1 + random.IntN(255))
			}
			changes = append(changes, change{i, by, true})
		}
	}
	if !testing.Short() {
		for _, m := range b.Members { // all values of some bytes of each header, member, and of the directory
			for _, i := range []int{int(m.off) - 1 - random.IntN(localSize), int(m.off) + random.IntN(int(m.Size)), int(m.off+m.Size) - 1, len(full) - 1 - random.IntN(500)} {
				for v := range 255 {
					changes = append(changes, change{i, byte(v + 1), where[i] != "container" && v%2 == 0})
				}
			}
		}
	}
	var next atomic.Int64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			changed := bytes.Clone(full)
			for k := next.Add(1); k <= int64(len(changes)); k = next.Add(1) {
				c := changes[k-1]
				changed[c.at] ^= c.by
				subject := changed
				if c.rebuilt {
					subject = pack(unpacked(changed, b))
				}
				if got := refusedPart(t, subject, p); got != where[c.at] {
					t.Errorf("byte %#x, %#02x for %#02x (rebuilt: %v): refused for %q, it is in %q", c.at, changed[c.at], full[c.at], c.rebuilt, got, where[c.at])
				}
				changed[c.at] ^= c.by
			}
		})
	}
	all.Wait()
	t.Logf("%d changes of %d bytes, all refused for the part they are in", len(changes), len(full))
}

// unpacked are the members of a container whose headers are known.
func unpacked(b []byte, as *Bundle) (files []file) {
	for _, m := range as.Members {
		files = append(files, file{m.Name, b[m.off : m.off+m.Size : m.off+m.Size]})
	}
	return files
}

// Cut, extended, removed, reordered, doubled, foreign.
func TestMembers(t *testing.T) {
	_, full := answered(t, nationA, nationB, operators)
	p := parsePolicy(t, policyText(classic))
	for n := range full {
		if part := refusedPart(t, full[:n], p); part != "container" {
			t.Fatalf("cut at %d: refused for %q", n, part)
		}
	}
	for _, more := range []string{"\x00", "PK\x05\x06", string(full)} {
		if part := refusedPart(t, append(bytes.Clone(full), more...), p); part != "container" {
			t.Errorf("%d bytes more: refused for %q", len(more), part)
		}
		if part := refusedPart(t, append([]byte(more), full...), p); part != "container" {
			t.Errorf("%d bytes before: refused for %q", len(more), part)
		}
	}
	files := unpackBundle(t, full)
	if !bytes.Equal(pack(files), full) {
		t.Fatal("packed again it is another file")
	}
	for i, f := range files {
		want := "member " + f.name
		without := slices.Delete(slices.Clone(files), i, i+1)
		switch got := refusedPart(t, pack(without), p); {
		case strings.HasPrefix(f.name, "counter/"): // offline nobody can know of them; a proof without its statement is refused
			if strings.HasSuffix(f.name, ".dsse.json") && got == "" && slices.ContainsFunc(without, func(o file) bool { return o.name == strings.TrimSuffix(f.name, ".dsse.json")+".tlog-proof" }) {
				t.Errorf("without %s: accepted", f.name)
			}
		case got != want:
			t.Errorf("without %s: refused for %q", f.name, got)
		}
		if got := refusedPart(t, pack(slices.Insert(slices.Clone(files), i, f)), p); got != "container" {
			t.Errorf("%s twice: refused for %q", f.name, got)
		}
		if i > 0 {
			swapped := slices.Clone(files)
			swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
			if got := refusedPart(t, pack(swapped), p); got != "container" {
				t.Errorf("%s before %s: refused for %q", f.name, files[i-1].name, got)
			}
			exchanged := slices.Clone(files)
			exchanged[i].content, exchanged[i-1].content = exchanged[i-1].content, exchanged[i].content
			if got := refusedPart(t, pack(exchanged), p); !strings.HasPrefix(got, "member ") {
				t.Errorf("contents of %s and %s exchanged: refused for %q", f.name, files[i-1].name, got)
			}
		}
	}
	for name, want := range map[string]string{
		"zzz": "member zzz", "evidence/F-1.json": "member evidence/F-1.json", "counter/x": "member counter/x", "counter/0123456789abcdef.tlog-proof": "member counter/0123456789abcdef.tlog-proof",
		"restricted/F-7c210001.age": "member restricted/F-7c210001.age", "../up": "container", "/root": "container", ".hidden": "container", "a/b/c": "container", "a\x00": "container", "ä": "container", "a//b": "container", "": "container",
		strings.Repeat("n", 101): "container", "CON\\x": "container",
	} {
		i, _ := slices.BinarySearchFunc(files, name, func(f file, name string) int { return strings.Compare(f.name, name) })
		if got := refusedPart(t, pack(slices.Insert(slices.Clone(files), i, file{name, []byte("{}")})), p); got != want {
			t.Errorf("foreign member %q: refused for %q, want %q", name, got, want)
		}
	}
}

// A verdict holds under a policy only if its cosigners meet the policy's
// quorum, whatever else is right.
func TestQuorum(t *testing.T) {
	s := makeSample(t, draft(t))
	all := []*testKey{nationA, nationB, operators}
	for _, quorum := range []struct {
		line string
		met  func(a, b, op bool) bool
	}{
		{"none", func(a, b, op bool) bool { return true }},
		{"a", func(a, b, op bool) bool { return a }},
		{"nations", func(a, b, op bool) bool { return a && b }},
		{"some", func(a, b, op bool) bool { return a || b }},
		{"all-three", func(a, b, op bool) bool { return a && b && op }},
		{"two", func(a, b, op bool) bool { return (a || b) && op }},
	} {
		text := strings.Replace(policyText(classic), "quorum all-three\n", "", 1)
		if quorum.line == "some" || quorum.line == "two" {
			text = strings.Replace(text, "group nations 2 a b\ngroup all-three all nations op\n", "group some any a b\ngroup two 2 some op\n", 1)
		}
		p := parsePolicy(t, text+"quorum "+quorum.line+"\n")
		for set := range 8 {
			var by []*testKey
			for i, k := range all {
				if set>>i&1 == 1 {
					by = append(by, k)
				}
			}
			want := "policy"
			if quorum.met(set&1 != 0, set&2 != 0, set&4 != 0) {
				want = ""
			}
			if got := refusedPart(t, attach(t, s.public, ProofName, logProof(t, s.Envelope, 9, 3, by...)), p); got != want {
				t.Errorf("quorum %s, cosigners %03b: refused for %q, want %q", quorum.line, set, got, want)
			}
		}
	}
}

// Signatures by keys that the policy does not name are refused wherever they
// stand, and so are statements that are not about what they stand beside.
func TestKeys(t *testing.T) {
	d := draft(t)
	s := makeSample(t, d)
	all := []*testKey{nationA, nationB, operators}
	proof := logProof(t, s.Envelope, 9, 3, all...)
	good := attach(t, s.full, ProofName, proof)
	other := makeSample(t, &Draft{Report: d.Report, Tree: d.Tree, TreeSize: d.TreeSize, Run: d.Run, Contact: d.Contact})
	reply := func(by ...*testKey) file {
		var r record.Record = &record.Reply{Date: "2026-11-20", Replies: []record.FindingReply{{Finding: "F-7c210001", Kind: record.Confirmed}}}
		st, err := record.Statement(statement.Digest(s.Envelope), r)
		if err != nil {
			t.Fatal(err)
		}
		var keys []byte
		for _, k := range by {
			if keys, err = statement.Sign(st, k); err != nil {
				t.Fatal(err)
			}
		}
		return file{counterFor(keys), keys}
	}
	byLab, byStranger, byVendor := reply(labNorth), reply(stranger), reply(vendor)
	withdrawal := signed(t, statement.Digest(other.Envelope), &record.Withdrawal{Date: "2026-11-21", Findings: []string{}, Text: "wrong file"}, labNorth)
	byVendorWithdrawn := signed(t, statement.Digest(s.Envelope), &record.Withdrawal{Date: "2026-11-21", Findings: []string{}, Text: "wrong"}, vendor)
	contact := signed(t, s.Subject, &record.Contact{Asked: record.NotAsked, From: "x", Latest: record.NotKnown, Received: "2026-11-01", Source: "x", Terms: "x", Vendor: "x"}, stranger)
	byContact := *d
	byContact.Contact = contact
	contactStranger := makeSample(t, &byContact)
	twice := bytes.Replace(proof, []byte("\n— nation-a"), append([]byte("\n"+lineOf(proof, "nation-a")), []byte("— nation-a")...), 1)
	both, err := Make(d, labNorth, labSouth)
	if err != nil {
		t.Fatal(err)
	}
	withStranger, err := Make(d, labNorth, stranger)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		bundle []byte
		policy string
		want   string
	}{
		"good":                                {good, "", ""},
		"a lab that the policy does not know": {good, strings.Replace(policyText(classic), "lab "+labNorth.VKey()+"\n", "", 1), "member statement.dsse.json"},
		"a log that the policy does not know": {good, strings.Replace(policyText(classic), "log "+logNorth.VKey(), "log "+stranger.VKey(), 1), "member log.tlog-proof"},
		"no log in the policy":                {good, policyText(keysOnly), "member log.tlog-proof"},
		"no log in policy and bundle":         {s.full, policyText(keysOnly), ""},
		"not logged":                          {s.full, "", "member log.tlog-proof"},
		"the proof of another statement":      {attach(t, s.full, ProofName, logProof(t, other.Envelope, 9, 3, all...)), "", "member log.tlog-proof"},
		"cosigned by a stranger, too":         {attach(t, s.full, ProofName, logProof(t, s.Envelope, 9, 3, append(all, newTestKey("stranger.example", 4))...)), "", "member log.tlog-proof"},
		"cosigned twice":                      {attach(t, s.full, ProofName, twice), "", "member log.tlog-proof"},
		"extra data":                          {attach(t, s.full, ProofName, bytes.Replace(proof, []byte("\nindex"), []byte("\nextra AAAA\nindex"), 1)), "", "member log.tlog-proof"},
		"empty extra data":                    {attach(t, s.full, ProofName, bytes.Replace(proof, []byte("\nindex"), []byte("\nextra \nindex"), 1)), "", "member log.tlog-proof"},
		"index with a zero before":            {attach(t, s.full, ProofName, bytes.Replace(proof, []byte("\nindex 3"), []byte("\nindex 03"), 1)), "", "member log.tlog-proof"},
		"another index":                       {attach(t, s.full, ProofName, bytes.Replace(proof, []byte("\nindex 3"), []byte("\nindex 2"), 1)), "", "member log.tlog-proof"},
		"a reply by the lab":                  {attach(t, good, byLab.name, byLab.content), "", "member " + byLab.name},
		"a reply by a stranger":               {attach(t, good, byStranger.name, byStranger.content), "", "member " + byStranger.name},
		"a reply by the vendor":               {attach(t, good, byVendor.name, byVendor.content), "", ""},
		"a reply under another name":          {attach(t, good, byLab.name, byVendor.content), "", "member " + byLab.name},
		"a withdrawal of another statement":   {attach(t, good, counterFor(withdrawal), withdrawal), "", "member " + counterFor(withdrawal)},
		"a withdrawal by the vendor":          {attach(t, good, counterFor(byVendorWithdrawn), byVendorWithdrawn), "", "member " + counterFor(byVendorWithdrawn)},
		"a proof of another statement's":      {attach(t, good, byVendor.name, byVendor.content, counterProof(byVendor.content), proof), "", "member " + counterProof(byVendor.content)},
		"contact record by a stranger":        {attach(t, contactStranger.full, ProofName, logProof(t, contactStranger.Envelope, 9, 3, all...)), "", "member contact.dsse.json"},
		"members of another bundle":           {attach(t, other.full, ProofName, proof), "", "member log.tlog-proof"},
		"two labs":                            {attach(t, saved2(t, both), ProofName, logProof(t, both.Envelope, 9, 3, all...)), "", ""},
		"a lab and a stranger":                {attach(t, saved2(t, withStranger), ProofName, logProof(t, withStranger.Envelope, 9, 3, all...)), "", "member statement.dsse.json"},
	} {
		text := c.policy
		if text == "" {
			text = policyText(classic)
		}
		if got := refusedPart(t, c.bundle, parsePolicy(t, text)); got != c.want {
			t.Errorf("%s: refused for %q, want %q", name, got, c.want)
		}
	}
}

func saved2(t testing.TB, m *Made) []byte {
	var files []file
	for _, p := range m.parts {
		b := make([]byte, p.Size)
		if _, err := p.content.ReadAt(b, 0); err != nil && len(b) > 0 && fmt.Sprint(err) != "EOF" {
			t.Fatal(err)
		}
		files = append(files, file{p.Name, b})
	}
	return pack(files)
}

// lineOf is the signature line of a key.
func lineOf(proof []byte, name string) string {
	for l := range strings.Lines(string(proof)) {
		if strings.HasPrefix(l, "— "+name) {
			return l
		}
	}
	return ""
}
