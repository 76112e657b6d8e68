package prove

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/prove/statement"
)

// edit replaces the first old in a member of a bundle and packs it again.
func edit(t testing.TB, bundle []byte, member, old, new string) []byte {
	t.Helper()
	files := unpackBundle(t, bundle)
	for i := range files {
		if files[i].name == member {
			if !strings.Contains(string(files[i].content), old) {
				t.Fatalf("%s has no %q", member, old)
			}
			files[i].content = []byte(strings.Replace(string(files[i].content), old, new, 1))
		}
	}
	return pack(files)
}

// bits sets unused bits of the last base64 that ends in "=" before the mark.
func bits(t testing.TB, s, mark string) (old, new string) {
	t.Helper()
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := strings.Index(s, mark)
	for i > 0 && s[i-1] == '=' {
		i--
	}
	if i < 8 || s[i] != '=' {
		t.Fatalf("no base64 with padding before %q", mark)
	}
	old = s[i-8 : i]
	return old, old[:7] + string(digits[strings.IndexByte(digits, old[7])+1])
}

func mark(verdict string) string { return "refused: " + verdict }

// refusal and such are short for what many vectors have in common.
type maker struct {
	testing.TB
	all []vector
}

func (m *maker) add(name, verdict, prose string, policy string, bundle []byte) *vector {
	m.all = append(m.all, vector{name: name, prose: prose, policy: policy, bundle: bundle, verdict: verdict})
	return &m.all[len(m.all)-1]
}

// logged is a bundle with the proof that the allies' policy asks for.
func (m *maker) logged(b, envelope []byte) []byte {
	return attach(m, b, ProofName, logProof(m, envelope, 9, 3, nationA, nationB, operators))
}

func vectors(t testing.TB) []vector {
	m := &maker{TB: t}
	allies := policyText(classic)
	s := makeSample(t, draft(t))
	public, full := m.logged(s.public, s.Envelope), m.logged(s.full, s.Envelope)
	m.good(s, public, full, allies)
	m.badContainers(public, allies)
	m.badStatements(s, full, public, allies)
	m.badMembers(s, full, public, allies)
	m.badProofs(s, public, allies)
	m.badCounters(s, public, allies)
	m.disclosures(s, public, allies)
	return m.all
}

func (m *maker) good(s *sample, public, full []byte, allies string) {
	m.add("good-full", "ok", "A full bundle with a logged and cosigned statement.", allies, full).input = release
	m.add("good-public", "ok", "The public bundle of the same statement.", allies, public)
	_, answers := answered(m, nationA, nationB, operators)
	m.add("good-answered", "ok", "A full bundle with a vendor's reply that was logged and another lab's re-run that was not.", allies, answers)
	q := attach(m, s.public, ProofName, logProof(m, s.Envelope, 100, 99, quantumA, quantumB))
	m.add("good-ml-dsa", "ok", "Cosigned with ML-DSA-44 keys.", policyText(quantum), q)
	second := newTestKey(logNorth.name, 6)
	proof := logProof(m, s.Envelope, 9, 3, nationA, nationB, operators)
	_, note, _ := strings.Cut(string(proof), "\n\n")
	text, _, _ := strings.Cut(note, "\n\n")
	c, err := policy.ParseCheckpoint(text + "\n")
	if err != nil {
		m.Fatal(err)
	}
	twice := attach(m, s.public, ProofName, append(proof, second.cosign(&c, cosignedAt)...))
	m.add("good-two-log-keys", "ok", "The log signs with an Ed25519 and an ML-DSA-44 key.", allies+"log "+second.VKey()+"\n", twice)
	m.add("proof-second-log-key", "refused: member log.tlog-proof", "The log signs with two keys, of which the policy names one.", allies, twice)
	m.add("good-not-logged", "ok", "A policy without a log asks for no proof.", policyText(keysOnly), s.full)
	m.add("good-one-entry", "ok", "The only entry of a log: an audit path of no hashes.", allies, attach(m, s.public, ProofName, logProof(m, s.Envelope, 1, 0, nationA, nationB, operators)))
	d := draft(m)
	d.Salt = statement.Salt([]byte("test secret"), s.Subject)
	hidden := makeSample(m, d)
	m.add("good-salted", "ok", "The log's entry has a salted commitment in place of the subject.", allies, m.logged(hidden.public, hidden.Envelope))
	d = draft(m)
	d.Encrypt = func(plain []byte) ([]byte, error) { return []byte("age-encryption.org/v1\nnot really\n"), nil }
	restricted := makeSample(m, d)
	m.add("good-restricted", "ok", "Evidence whose bytes are restricted.", allies, m.logged(restricted.full, restricted.Envelope))
	both, err := Make(draft(m), labNorth, labSouth)
	if err != nil {
		m.Fatal(err)
	}
	m.add("good-two-labs", "ok", "Two labs sign one statement; lab-north.example is the lab of the entry.", allies, m.logged(saved2(m, both), both.Envelope))
	no := draft(m)
	no.Contact = nil
	silent := makeSample(m, no)
	m.add("good-no-contact", "ok", "A full bundle without a contact record.", allies, m.logged(silent.full, silent.Envelope))
	m.add("good-plain-quorum", "ok", "A quorum of one witness; the others' cosignatures are there and fit.", strings.Replace(allies, "quorum all-three", "quorum b", 1), public)
}

func (m *maker) badContainers(public []byte, allies string) {
	const part = "refused: container"
	flip := func(at int, v byte) []byte {
		b := bytes.Clone(public)
		b[at] ^= v
		return b
	}
	m.add("container-cut", part, "The last byte is missing.", allies, public[:len(public)-1])
	m.add("container-more", part, "A byte stands behind the end.", allies, append(bytes.Clone(public), 0))
	m.add("container-before", part, "A byte stands before the first header.", allies, append([]byte{'x'}, public...))
	m.add("container-date", part, "A local header has another date.", allies, flip(12, 1))
	m.add("container-flags", part, "The UTF-8 flag is set.", allies, flip(7, 8))
	m.add("container-directory", part, "A size differs in the central directory.", allies, flip(bytes.LastIndex(public, []byte("PK\x01\x02"))+24, 1))
	m.add("container-comment", part, "The file has a comment.", allies, append(append(bytes.Clone(public[:len(public)-2]), 2, 0), "hi"...))
	files := unpackBundle(m, public)
	swapped := slices.Clone(files)
	swapped[1], swapped[2] = swapped[2], swapped[1]
	m.add("container-order", part, "Two members have changed places.", allies, pack(swapped))
	m.add("container-twice", part, "A member is there twice.", allies, pack(slices.Insert(slices.Clone(files), 1, files[1])))
	m.add("container-name", part, "A name leads out of the folder.", allies, pack(slices.Insert(slices.Clone(files), 0, file{"../x", nil})))
	m.add("container-empty", part, "No member at all.", allies, directory(nil, 0))
}

func (m *maker) badStatements(s *sample, full, public []byte, allies string) {
	const part = "refused: member statement.dsse.json"
	m.add("statement-missing", part, "No statement.", allies, pack(slices.DeleteFunc(unpackBundle(m, public), func(f file) bool { return f.name == StatementName })))
	m.add("statement-stranger", part, "The policy does not name the lab's key.", strings.Replace(allies, "lab "+labNorth.VKey(), "lab "+stranger.VKey(), 1), public)
	m.add("statement-space", part, "White space in the envelope.", allies, edit(m, public, StatementName, `{"payload":`, `{"payload": `))
	old, new := bits(m, string(s.Envelope), `"}]}`)
	m.add("statement-base64", part, "Bits of the signature's base64 that mean nothing are set.", allies, edit(m, public, StatementName, old, new))
	m.add("statement-unsigned", part, "An envelope without signatures.", allies, m.logged(withEnvelope(contents(m, s.public), unsigned(s.Envelope)).full, s.Envelope))
	two, err := Make(draft(m), labNorth, stranger)
	if err != nil {
		m.Fatal(err)
	}
	m.add("statement-and-stranger", part, "A key that the policy does not name has signed, too.", allies, m.logged(saved2(m, two), two.Envelope))
	for _, f := range []struct {
		name, prose string
		edit        func(p *Inspection)
	}{
		{"version", "The predicate has another version.", func(p *Inspection) { p.Version = "2.0" }},
		{"lab", "The lab that the predicate names has not signed.", func(p *Inspection) { p.Lab = labSouth.name }},
		{"salt", "The salt is no 32 bytes.", func(p *Inspection) { p.Salt = "00" }},
		{"public", "The report is said to be public.", func(p *Inspection) { p.bound(ReportName).Public = true }},
		{"unsorted", "The members are not sorted.", func(p *Inspection) { p.Members[0], p.Members[1] = p.Members[1], p.Members[0] }},
		{"unbound", "No report is bound.", func(p *Inspection) {
			p.Members = slices.DeleteFunc(p.Members, func(b Bound) bool { return b.Name == ReportName })
		}},
		{"digest", "The report's digest is given twice, and differs.", func(p *Inspection) { p.Report[0] ^= 1 }},
		{"severity", "A severity is missing.", func(p *Inspection) { p.Findings = p.Findings[1:] }},
		{"binds-proof", "The log's proof is bound, which comes later.", func(p *Inspection) {
			i, _ := slices.BinarySearchFunc(p.Members, ProofName, func(b Bound, n string) int { return strings.Compare(b.Name, n) })
			p.Members = slices.Insert(p.Members, i, Bound{Name: ProofName})
		}},
	} {
		bad := forge(m, draft(m), nil, f.edit)
		b := bad.full
		if f.name != "lab" && f.name != "salt" { // there is no entry of those
			b = m.logged(b, bad.Envelope)
		}
		m.add("statement-"+f.name, part, f.prose, allies, b)
	}
	st, _, err := statement.Open(s.Envelope)
	if err != nil {
		m.Fatal(err)
	}
	for _, f := range []struct {
		name, prose string
		s           statement.Statement
	}{
		{"type", "A statement of another type.", statement.Statement{Subject: st.Subject, Type: statement.Profile, Predicate: st.Predicate}},
		{"field", "The predicate has one more field.", statement.Statement{Subject: st.Subject, Type: st.Type, Predicate: append(bytes.Clone(st.Predicate[:len(st.Predicate)-1]), `,"zzz":1}`...)}},
	} {
		bad := sealed(m, contents(m, s.public), &f.s)
		m.add("statement-"+f.name, part, f.prose, allies, m.logged(bad.full, bad.Envelope))
	}
}

// unsigned is an envelope without its signatures.
func unsigned(envelope []byte) []byte {
	i := bytes.Index(envelope, []byte(`"signatures":[`))
	return append(bytes.Clone(envelope[:i]), "\"signatures\":[]}\n"...)
}

func (m *maker) badMembers(s *sample, full, public []byte, allies string) {
	without := func(b []byte, name string) []byte {
		return pack(slices.DeleteFunc(unpackBundle(m, b), func(f file) bool { return f.name == name }))
	}
	for _, name := range []string{TreeName, SeedName, ReportName, ContactName, "evidence/F-7c210001.json"} {
		m.add("member-missing-"+strings.NewReplacer("/", "-", ".", "-").Replace(name), mark("member "+name), name+" is missing.", allies, without(full, name))
	}
	m.add("member-foreign", mark("member zzz"), "A member that the statement does not name.", allies, pack(append(unpackBundle(m, public), file{"zzz", []byte("x")})))
	m.add("member-counter-name", mark("member counter/readme.txt"), "A member in counter/ that is no statement.", allies, pack(slices.Insert(unpackBundle(m, public), 1, file{"counter/readme.txt", []byte("x")})))
	m.add("member-tree", mark("member tree.jsonl"), "One byte of tree.jsonl is another.", allies, edit(m, full, TreeName, "passwd", "passwe"))
	m.add("member-report", mark("member report.json"), "One byte of report.json is another.", allies, edit(m, full, ReportName, "critical", "criticaL"))
	m.add("member-recipe", mark("member recipe.json"), "One byte of recipe.json is another.", allies, edit(m, public, RecipeName, "1.4.0", "1.4.1"))
	m.add("member-size", mark("member recipe.json"), "recipe.json is longer.", allies, edit(m, public, RecipeName, "1.4.0", "1.4.00"))
	crc := bytes.Clone(public)
	o, err := Open(bytes.NewReader(crc), int64(len(crc)))
	if err != nil {
		m.Fatal(err)
	}
	crc[o.Find(RecipeName).off] ^= 1
	m.add("member-crc", mark("member recipe.json"), "One byte is another, and the CRC-32 does not fit.", allies, crc)
	no := draft(m)
	no.Contact = nil
	silent := makeSample(m, no)
	m.add("member-public-no-contact", mark("member contact.dsse.json"), "The public bundle of a statement that binds no contact record.", allies,
		m.logged(pack(slices.DeleteFunc(unpackBundle(m, silent.full), func(f file) bool { return f.name != StatementName && !isPublic(f.name) })), silent.Envelope))
	record := func(by *testKey, subject wardein.Digest) []byte {
		return signed(m, subject, &record.Contact{Asked: record.NotAsked, From: "x", Latest: record.NotKnown, Received: "2026-11-01", Source: "x", Terms: "x", Vendor: "x"}, by)
	}
	for _, f := range []struct {
		name, part, prose string
		edit              func(files map[string][]byte)
	}{
		{"roots-tree", "member roots.json", "The root over the tree's lines is another.", func(f map[string][]byte) { f[RootsName] = another(f[RootsName], `"tree":{"root":"`) }},
		{"roots-findings", "member roots.json", "The root over the findings is another.", func(f map[string][]byte) { f[RootsName] = another(f[RootsName], `"findings":{"root":"`) }},
		{"roots-form", "member roots.json", "roots.json has white space.", func(f map[string][]byte) { f[RootsName] = append(f[RootsName], '\n') }},
		{"seed", "member roots.json", "The seed is another, so that the roots do not fit.", func(f map[string][]byte) {
			f[SeedName] = []byte(strings.Repeat("00", 32) + "\n")
		}},
		{"seed-form", "member seed", "The seed is in upper case.", func(f map[string][]byte) { f[SeedName] = bytes.ToUpper(f[SeedName]) }},
		{"tree-end", "member tree.jsonl", "The last line of tree.jsonl has no line feed.", func(f map[string][]byte) { f[TreeName] = bytes.TrimSuffix(f[TreeName], []byte("\n")) }},
		{"report-form", "member report.json", "report.json has white space.", func(f map[string][]byte) {
			f[ReportName] = bytes.Replace(f[ReportName], []byte(`"findings":[`), []byte(`"findings": [`), 1)
		}},
		{"report-figures", "member report.json", "The report has another number of incidents than the predicate.", func(f map[string][]byte) {
			f[ReportName] = bytes.Replace(f[ReportName], []byte(`"incidents":0`), []byte(`"incidents":1`), 1)
		}},
		{"report-severity", "member report.json", "The report's findings are of other severities than the predicate counts.", func(f map[string][]byte) {
			f[ReportName] = bytes.Replace(f[ReportName], []byte(`"severity":"critical"`), []byte(`"severity":"low"`), 1)
		}},
		{"report-release", "member report.json", "The report is about another release.", func(f map[string][]byte) {
			f[ReportName] = another(f[ReportName], `"release":{"digest":"`)
		}},
		{"contact-stranger", "member contact.dsse.json", "The contact record is signed by a key that the policy does not name.", func(f map[string][]byte) {
			f[ContactName] = record(stranger, s.Subject)
		}},
		{"contact-release", "member contact.dsse.json", "The contact record is about another release.", func(f map[string][]byte) {
			f[ContactName] = record(labNorth, wardein.Digest{1})
		}},
		{"contact-vendor", "member contact.dsse.json", "The contact record is signed by the vendor.", func(f map[string][]byte) {
			f[ContactName] = record(vendor, s.Subject)
		}},
	} {
		bad := forge(m, draft(m), f.edit, nil)
		b := bad.full
		if strings.HasPrefix(f.name, "contact") {
			b = bad.public
		}
		m.add("content-"+f.name, mark(f.part), f.prose+" The lab signed it so.", allies, m.logged(b, bad.Envelope))
	}
}

// another changes the first hexadecimal digit behind a mark.
func another(b []byte, mark string) []byte {
	b = bytes.Clone(b)
	i := bytes.Index(b, []byte(mark)) + len(mark)
	if b[i] == '0' {
		b[i] = '1'
	} else {
		b[i] = '0'
	}
	return b
}

func (m *maker) badProofs(s *sample, public []byte, allies string) {
	const part = "refused: member log.tlog-proof"
	proof := string(logProof(m, s.Envelope, 9, 3, nationA, nationB, operators))
	with := func(proof string) []byte { return attach(m, s.public, ProofName, []byte(proof)) }
	m.add("proof-missing", part, "The policy names a log, and there is no proof.", allies, s.public)
	m.add("proof-not-asked", part, "The policy names no log, and there is a proof.", policyText(keysOnly), public)
	m.add("proof-other-log", part, "The policy names another log.", strings.Replace(allies, "log "+logNorth.VKey(), "log "+stranger.VKey(), 1), public)
	m.add("proof-index", part, "The entry stands at another index.", allies, with(strings.Replace(proof, "index 3", "index 2", 1)))
	m.add("proof-index-beyond", part, "The index is not below the log's size.", allies, with(strings.Replace(proof, "index 3", "index 9", 1)))
	m.add("proof-index-zero", part, "The index has a zero before it.", allies, with(strings.Replace(proof, "index 3", "index 03", 1)))
	m.add("proof-extra", part, "The proof has extra data.", allies, with(strings.Replace(proof, "index 3", "extra AAAA\nindex 3", 1)))
	lines := strings.SplitAfter(proof, "\n")
	m.add("proof-short", part, "A hash is missing.", allies, with(strings.Join(slices.Delete(slices.Clone(lines), 2, 3), "")))
	m.add("proof-long", part, "A hash is there twice.", allies, with(strings.Join(slices.Insert(slices.Clone(lines), 2, lines[2]), "")))
	old, new := bits(m, proof, "\n"+lines[3])
	m.add("proof-base64", part, "Bits of a hash's base64 that mean nothing are set.", allies, with(strings.Replace(proof, old, new, 1)))
	old, new = bits(m, proof, "\n— nation-a.example")
	m.add("proof-signature-base64", part, "Bits of the log's signature that mean nothing are set.", allies, with(strings.Replace(proof, old, new, 1)))
	a := lineOf([]byte(proof), "nation-a")
	m.add("proof-twice", part, "A cosignature is there twice.", allies, with(strings.Replace(proof, a, a+a, 1)))
	m.add("proof-stranger", part, "A key that the policy does not name has cosigned, too.", allies,
		with(string(logProof(m, s.Envelope, 9, 3, nationA, nationB, operators, newTestKey("stranger.example", 4)))))
	m.add("proof-unsigned", part, "The log has not signed.", allies, with(strings.Replace(proof, lineOf([]byte(proof), "log."), "", 1)))
	m.add("proof-carriage", part, "A line ends in CR LF.", allies, with(strings.Replace(proof, "index 3\n", "index 3\r\n", 1)))
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(strings.Split(a, " ")[2]))
	if err != nil {
		m.Fatal(err)
	}
	raw[11] ^= 1 // the time's last byte
	m.add("proof-time", part, "A cosignature bears another time than it was made for.", allies, with(strings.Replace(proof, a, "— nation-a.example "+base64.StdEncoding.EncodeToString(raw)+"\n", 1)))
	q := string(logProof(m, s.Envelope, 9, 3, quantumA, quantumB))
	l := lineOf([]byte(q), "nation-b")
	raw, err = base64.StdEncoding.DecodeString(strings.TrimSpace(strings.Split(l, " ")[2]))
	if err != nil {
		m.Fatal(err)
	}
	raw[1000] ^= 1
	m.add("proof-ml-dsa", part, "An ML-DSA-44 cosignature does not fit.", policyText(quantum), with(strings.Replace(q, l, "— nation-b.example "+base64.StdEncoding.EncodeToString(raw)+"\n", 1)))
	other := makeSample(m, func() *Draft { d := draft(m); d.Seed = [32]byte{9}; return d }())
	m.add("proof-other", part, "The proof of another statement.", allies, with(string(logProof(m, other.Envelope, 9, 3, nationA, nationB, operators))))
	m.add("quorum-none", "refused: policy", "Nobody has cosigned.", allies, with(string(logProof(m, s.Envelope, 9, 3))))
	m.add("quorum-nations", "refused: policy", "One of two nations has not cosigned.", allies, with(string(logProof(m, s.Envelope, 9, 3, nationB, operators))))
	m.add("quorum-ml-dsa", "refused: policy", "One of two ML-DSA-44 witnesses has not cosigned.", policyText(quantum), with(string(logProof(m, s.Envelope, 9, 3, quantumB))))
}

func (m *maker) badCounters(s *sample, public []byte, allies string) {
	about := statement.Digest(s.Envelope)
	reply := &record.Reply{Date: "2026-11-20", Replies: []record.FindingReply{{Finding: "F-7c210001", Kind: record.Confirmed}}}
	withdrawal := &record.Withdrawal{Date: "2026-11-21", Findings: []string{}, Text: "another file was inspected"}
	i := s.Inspection
	for _, f := range []struct {
		name, prose string
		r           record.Record
		by          *testKey
		about       wardein.Digest
		good        bool
	}{
		{"withdrawn", "The lab has withdrawn the statement: it verifies, and says so.", withdrawal, labNorth, about, true},
		{"reply-by-lab", "A lab signs a vendor's reply.", reply, labNorth, about, false},
		{"reply-by-stranger", "A stranger signs a vendor's reply.", reply, stranger, about, false},
		{"withdrawn-by-vendor", "The vendor withdraws a lab's statement.", withdrawal, vendor, about, false},
		{"withdrawn-by-other", "Another lab withdraws the statement.", withdrawal, labSouth, about, false},
		{"other", "A reply about another statement.", reply, vendor, wardein.Digest{7}, false},
		{"rerun", "A re-run that agrees, with another report.", &record.Rerun{Agrees: true, Date: "2026-11-20", Recipe: i.Recipe, Release: s.Subject, Report: wardein.Digest{3}}, labSouth, about, false},
		{"contact", "A contact record in the place of an answer.", &record.Contact{Asked: record.NotAsked, From: "x", Latest: record.NotKnown, Received: "2026-11-01", Source: "x", Terms: "x", Vendor: "x"}, labNorth, about, false},
	} {
		envelope := signed(m, f.about, f.r, f.by)
		verdict := mark("member " + counterFor(envelope))
		if f.good {
			verdict = "ok"
		}
		m.add("counter-"+f.name, verdict, f.prose, allies, attach(m, public, counterFor(envelope), envelope))
	}
	good := signed(m, about, reply, vendor)
	m.add("counter-name", mark("member counter/0123456789abcdef.dsse.json"), "An answer under another name.", allies, attach(m, public, "counter/0123456789abcdef.dsse.json", good))
	m.add("counter-orphan", mark("member counter/0123456789abcdef.tlog-proof"), "The proof of an answer that is not there.", allies, attach(m, public, "counter/0123456789abcdef.tlog-proof", logProof(m, good, 9, 3, nationA, nationB, operators)))
	m.add("counter-proof", mark("member "+counterProof(good)), "An answer with the proof of another entry.", allies, attach(m, public, counterFor(good), good, counterProof(good), logProof(m, s.Envelope, 9, 3, nationA, nationB, operators)))
	m.add("counter-quorum", "refused: policy", "An answer whose proof does not meet the quorum.", allies, attach(m, public, counterFor(good), good, counterProof(good), logProof(m, good, 9, 3, nationA)))
	st, err := record.Statement(about, reply)
	if err != nil {
		m.Fatal(err)
	}
	st.Predicate = bytes.Replace(st.Predicate, []byte(`"confirmed"`), []byte(`"maybe"`), 1)
	bad, err := statement.Sign(st, vendor)
	if err != nil {
		m.Fatal(err)
	}
	m.add("counter-record", mark("member "+counterFor(bad)), "A reply of no known kind.", allies, attach(m, public, counterFor(bad), bad))
}

func (m *maker) disclosures(s *sample, public []byte, allies string) {
	b, err := Open(bytes.NewReader(s.full), int64(len(s.full)))
	if err != nil {
		m.Fatal(err)
	}
	d, err := Disclose(b, []string{"", "etc/passwd", canon.Escape("etc/na\xefve \"name\"\\")}, []string{"F-7c210001"})
	if err != nil {
		m.Fatal(err)
	}
	good, err := d.Bytes()
	if err != nil {
		m.Fatal(err)
	}
	const part = "refused: disclosure"
	add := func(name, verdict, prose string, bundle, disclosed []byte) {
		m.add("disclosed-"+name, verdict, prose, allies, bundle).disclosed = disclosed
	}
	swap := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }
	add("good", "ok", "Three nodes and a finding, against the public bundle.", public, good)
	add("line", part, "A line is another.", public, swap(`passwd`, `passwe`))
	add("index", part, "An index is another.", public, swap(`"index":1,`, `"index":2,`))
	add("size", part, "A size is another.", public, swap(`"size":5}`, `"size":4}`))
	add("root", part, "A node is said to be a finding.", public, swap(`"root":"tree"`, `"root":"findings"`))
	add("unknown-root", part, "A root that is none.", public, swap(`"root":"tree"`, `"root":"files"`))
	add("salt", part, "A salt is another.", public, another(good, `"salt":"`))
	add("form", part, "White space at the end.", public, swap("}\n", "} \n"))
	add("envelope", part, "Parts of another statement.", public, another(good, `{"envelope":"`))
	add("null", part, "No list of leaves.", public, fmt.Appendf(nil, "{\"envelope\":\"%s\",\"leaves\":null,\"version\":\"1.0\"}\n", d.Envelope))
	m.add("input-other", "refused: input", "The release at hand is another.", allies, public).input = []byte("another release\n")
}
