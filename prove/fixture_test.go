package prove

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/mldsa"
	formats "github.com/transparency-dev/formats/proof"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/prove/statement"
	"github.com/wardein/wardein/report"
)

// testKey is a key whose seed is its name: for tests alone.
type testKey struct {
	name string
	alg  byte // of signed-note
	seed [32]byte
}

func newTestKey(name string, alg byte) *testKey {
	return &testKey{name, alg, sha256.Sum256([]byte("test key, not secret: " + name))}
}

func (k *testKey) public() []byte {
	if k.alg == 6 {
		return append([]byte{k.alg}, k.mldsa().PublicKey().Bytes()...)
	}
	return append([]byte{k.alg}, ed25519.NewKeyFromSeed(k.seed[:]).Public().(ed25519.PublicKey)...)
}

func (k *testKey) mldsa() *mldsa.PrivateKey {
	key, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), k.seed[:])
	if err != nil {
		panic(err)
	}
	return key
}

func (k *testKey) Name() string { return k.name }

func (k *testKey) KeyHash() uint32 {
	sum := sha256.Sum256(append([]byte(k.name+"\n"), k.public()...))
	return binary.BigEndian.Uint32(sum[:])
}

func (k *testKey) VKey() string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.KeyHash(), base64.StdEncoding.EncodeToString(k.public()))
}

// Sign signs as key of a lab, vendor or log.
func (k *testKey) Sign(msg []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.NewKeyFromSeed(k.seed[:]), msg), nil
}

// cosign is the signature line of a witness at a time.
func (k *testKey) cosign(c *policy.Checkpoint, at uint64) string {
	var sig []byte
	if k.alg == 4 {
		sig = ed25519.Sign(ed25519.NewKeyFromSeed(k.seed[:]), fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, c.Text()))
	} else {
		b := cryptobyte.NewBuilder([]byte("subtree/v1\n\x00"))
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(k.name)) })
		b.AddUint64(at)
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(c.Origin)) })
		b.AddUint64(0)
		b.AddUint64(c.Size)
		b.AddBytes(c.Root[:])
		var err error
		if sig, err = k.mldsa().SignDeterministic(b.BytesOrPanic(), nil); err != nil {
			panic(err)
		}
	}
	return k.line(append(binary.BigEndian.AppendUint64(nil, at), sig...))
}

// line is a signature line of a signed note.
func (k *testKey) line(sig []byte) string {
	b := append(binary.BigEndian.AppendUint32(nil, k.KeyHash()), sig...)
	return fmt.Sprintf("— %s %s\n", k.name, base64.StdEncoding.EncodeToString(b))
}

var (
	labNorth  = newTestKey("lab-north.example", 1)
	labSouth  = newTestKey("lab-south.example", 1)
	vendor    = newTestKey("exampletel.example", 1)
	stranger  = newTestKey("stranger.example", 1)
	logNorth  = newTestKey("log.lab-north.example", 1)
	nationA   = newTestKey("nation-a.example", 4)
	nationB   = newTestKey("nation-b.example", 4)
	operators = newTestKey("operators.example", 4)
	quantumA  = newTestKey("nation-a.example", 6)
	quantumB  = newTestKey("nation-b.example", 6)
)

// cosignedAt is when the witnesses of tests cosign: 2026-11-21 12:00 UTC.
const cosignedAt = 1795262400

// Policies of tests. All trust the same labs, vendor and log.
const (
	keysOnly = "none" // no log
	classic  = "allies"
	quantum  = "allies-ml-dsa"
)

func policyText(kind string) string {
	s := "# test keys\nlab " + labNorth.VKey() + "\nlab " + labSouth.VKey() + "\nvendor " + vendor.VKey() + "\n"
	switch kind {
	case keysOnly:
		return s + "quorum none\n"
	case classic:
		return s + "log " + logNorth.VKey() + "\nwitness a " + nationA.VKey() + "\nwitness b " + nationB.VKey() + "\nwitness op " + operators.VKey() +
			"\ngroup nations 2 a b\ngroup all-three all nations op\nquorum all-three\n"
	}
	return s + "log " + logNorth.VKey() + "\nwitness a " + quantumA.VKey() + "\nwitness b " + quantumB.VKey() + "\ngroup nations all a b\nquorum nations\n"
}

func parsePolicy(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// logProof puts an entry into a log among others and proves that it is there.
// The cosigners sign the log's checkpoint.
func logProof(t testing.TB, envelope []byte, size, index int, cosigners ...*testKey) []byte {
	t.Helper()
	e, err := statement.EntryFor(envelope)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	leaves := make([][32]byte, size)
	for i := range leaves {
		leaves[i] = sha256.Sum256([]byte{0, byte(i)})
	}
	leaves[index] = sha256.Sum256(append([]byte{0}, b...))
	c := &policy.Checkpoint{Origin: logNorth.name, Size: uint64(size), Root: treeHash(leaves)}
	sig, _ := logNorth.Sign([]byte(c.Text()))
	text := c.Text() + "\n" + logNorth.line(sig)
	for i, w := range cosigners {
		text += w.cosign(c, cosignedAt+uint64(i))
	}
	p := formats.TLogProof{Index: uint64(index), Checkpoint: []byte(text)}
	p.Hashes = path(levels(leaves), index)
	return p.Marshal()
}

// release is what the bundles of tests are about.
var release = []byte("a release, in truth a line of text\n")

// sampleReport is a small report with its tree file.
func sampleReport(t testing.TB) (rep, tree []byte) {
	t.Helper()
	node := func(p string, content string) *wardein.Node {
		n := &wardein.Node{Path: p, Blob: sha256.Sum256([]byte(content)), Size: int64(len(content))}
		n.Name, n.Mode = filepath.Base(p), 0o644
		return n
	}
	var out bytes.Buffer
	w := report.NewTreeWriter(&out)
	for _, n := range []*wardein.Node{node("", string(release)), node("etc/passwd", "root::0:0::/:/bin/sh\n"), node("etc/na\xefve \"name\"\\", "x"), node("bin/omcid", "\x7fELF"), node("etc/key.pem", "key")} {
		if _, err := w.Write(n); err != nil {
			t.Fatal(err)
		}
	}
	d, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	r := &wardein.Report{
		Release:  wardein.Release{Digest: sha256.Sum256(release), Size: int64(len(release))},
		Recipe:   wardein.Recipe{Module: "1.4.0", Go: "go1.26", AsOf: "2026-11-20", Checks: []wardein.Ingredient{{Name: "account", Version: 3}}},
		Coverage: wardein.Coverage{Known: 900, Opaque: 60, Unknown: 40, Code: []wardein.CodeCount{{Arch: "arm", Bytes: 500, Read: 420}}},
		Findings: []wardein.Finding{
			{ID: "F-7c210001", Check: "account", Rule: "account.empty", Node: "etc/passwd", Severity: wardein.Critical, Confidence: wardein.Certain, Reach: wardein.SubscriberSide,
				Says:   wardein.Text{ID: "empty", Args: []wardein.Note{{Name: "user", Value: "root"}}},
				Quotes: []wardein.Quote{{Node: "etc/passwd", Off: 0, Len: 6, Bytes: "root::"}}},
			{ID: "F-7c210002", Check: "secret", Rule: "secret.private-key", Node: "etc/key.pem", Severity: wardein.High, Quotes: []wardein.Quote{{Node: "etc/key.pem", Off: 27, Len: 1600}}},
			{ID: "F-7c210003", Check: "odd", Rule: "odd.name", Node: "etc/na\xefve \"name\"\\", Severity: wardein.Info, Quotes: []wardein.Quote{{Node: "etc/na\xefve \"name\"\\", Len: 3, Bytes: "\xff\x00\\"}}},
		},
		Gaps:   []wardein.Gap{{Node: "bin/omcid", Who: "elf", Kind: wardein.Damaged, Off: 4, Len: 4, Why: "cut off"}},
		Counts: []wardein.CheckCount{{Check: "account", Done: 5}},
		Nodes:  5, Tree: d,
	}
	return report.JSON(r, map[string]string{"empty": "{user} has no password"}), out.Bytes()
}

func signed(t testing.TB, subject wardein.Digest, r record.Record, by ...note.Signer) []byte {
	t.Helper()
	s, err := record.Statement(subject, r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := statement.Sign(s, by...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// draft is that of the bundles of tests.
func draft(t testing.TB) *Draft {
	rep, tree := sampleReport(t)
	contact := &record.Contact{Asked: "2026-11-18", From: "Example Networks", Latest: record.Latest, Received: "2026-11-01", ReplyBy: "2027-02-16", Source: "vendor's portal", Terms: "test agreement 12", Vendor: "ExampleTel"}
	return &Draft{
		Report: rep, Tree: bytes.NewReader(tree), TreeSize: int64(len(tree)),
		Contact: signed(t, sha256.Sum256(release), contact, labNorth),
		Run:     []byte(`{"host":"bench.example"}`),
		Seed:    sha256.Sum256([]byte("test seed")),
	}
}

// sample is a bundle that was made, and its bytes.
type sample struct {
	*Made
	full, public []byte
}

func makeSample(t testing.TB, d *Draft) *sample {
	t.Helper()
	m, err := Make(d, labNorth)
	if err != nil {
		t.Fatal(err)
	}
	s := &sample{Made: m}
	dir := t.TempDir()
	for name, public := range map[string]bool{"full": false, "public": true} {
		if public && d.Contact == nil {
			continue
		}
		file := filepath.Join(dir, name)
		if err := m.Save(file, public); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if public {
			s.public = b
		} else {
			s.full = b
		}
	}
	return s
}

// attach attaches members, name and content in turn.
func attach(t testing.TB, bundle []byte, members ...any) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(file, bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(members); i += 2 {
		if err := Attach(file, file, members[i].(string), members[i+1].([]byte)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func verify(b []byte, p *policy.Policy) (*Verified, error) {
	return Verify(bytes.NewReader(b), int64(len(b)), p)
}

// counterFor names the member of a counter statement.
func counterFor(envelope []byte) string {
	return "counter/" + statement.Digest(envelope).String()[:16] + ".dsse.json"
}

func counterProof(envelope []byte) string {
	return strings.TrimSuffix(counterFor(envelope), ".dsse.json") + ".tlog-proof"
}

// answered is a sample bundle with log proof, a reply and another lab's result.
func answered(t testing.TB, cosigners ...*testKey) (s *sample, b []byte) {
	t.Helper()
	s = makeSample(t, draft(t))
	reply := signed(t, statement.Digest(s.Envelope), &record.Reply{Date: "2026-11-20", Replies: []record.FindingReply{{Finding: "F-7c210001", Kind: record.Disputed, Text: "The account is locked at first boot."}}}, vendor)
	r := s.Inspection
	rerun := signed(t, statement.Digest(s.Envelope), &record.Rerun{Agrees: true, Date: "2026-11-20", Recipe: r.Recipe, Release: s.Subject, Report: r.Report}, labSouth)
	return s, attach(t, s.full,
		ProofName, logProof(t, s.Envelope, 21, 7, cosigners...),
		counterFor(reply), reply, counterProof(reply), logProof(t, reply, 22, 21, cosigners...),
		counterFor(rerun), rerun)
}
