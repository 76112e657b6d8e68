package claim

import (
	"fmt"

	"github.com/wardein/wardein/internal/canon"
)

// State is a verdict in one word, or a few.
type State string

// The verdicts. None says that something is absent.
const (
	Supported    State = "supported"
	Contradicted State = "contradicted"
	NotShown     State = "not shown"
	NotExamined  State = "not examined"
	NotTestable  State = "not testable on software"
)

// Sentences say what each verdict means, and no more.
var Sentences = map[State]string{
	Supported:    "Findings in these bytes show what the statement says, and no test of the claim contradicts it. Of other bytes this says nothing.",
	Contradicted: "Findings in these bytes contradict the statement.",
	NotShown:     "These tests looked for it in these bytes and did not find it; they do not show that it is absent.",
	NotExamined:  "What could decide it was not looked at; nothing is said either way.",
	NotTestable:  "Conduct, intent and law are not in the bytes of software; no test of software decides such a statement.",
}

// Extent says how far a test, or one check of it, looked.
type Extent string

// A check that looked in part failed on some nodes, or has gaps of its own.
const (
	NotLooked Extent = "not looked"
	InPart    Extent = "in part"
	InFull    Extent = "in full"
)

// Version is the version of the verdict's JSON.
const Version = "1.0"

// Verdict is the judgement of one claim: the predicate of a claim statement.
// Names and sentences of reports stand in it as reports have them, escaped.
type Verdict struct {
	Version  string `json:"version"`
	Claim    Quoted `json:"claim"`
	Verdict  State  `json:"verdict"`
	Sentence string `json:"sentence"`
	// Because says which clause of the rule decided, in words.
	Because string `json:"because"`
	// Both tells that some findings support the claim and others contradict it.
	Both     bool      `json:"both"`
	Releases []Release `json:"releases"`
	// Unreported are releases that the claim names and no report is about,
	// Others those that reports are about and the claim is not.
	Unreported []string `json:"unreported"`
	Others     []string `json:"others"`
	// Bears are the claims that bear on one that no test decides.
	Bears []Bearing `json:"bears"`
}

// Quoted is the claim that was judged.
type Quoted struct {
	Digest   string       `json:"digest"` // of its file
	ID       string       `json:"id"`
	Number   int          `json:"number"` // its version
	Kind     Kind         `json:"kind"`
	Text     string       `json:"text"`
	By       string       `json:"by"`
	Source   string       `json:"source"`
	Said     string       `json:"said"`
	Example  bool         `json:"example"`
	Note     string       `json:"note"`
	Product  string       `json:"product"`
	Release  string       `json:"release"`
	Digests  []string     `json:"digests"`
	Holds    Holds        `json:"holds"`
	Tests    []QuotedTest `json:"tests"`
	Untested string       `json:"untested"`
}

// QuotedTest is a test as the claim has it.
type QuotedTest struct {
	Rules      []string `json:"rules"`
	Result     string   `json:"result"`
	Kinds      []string `json:"kinds"` // of rows of compare; none: all
	Changes    []string `json:"changes"`
	Most       int64    `json:"most"` // so many rows are no hit
	Hit        Meaning  `json:"hit"`
	Confidence string   `json:"confidence"`
	Why        string   `json:"why"`
}

// Bearing is a claim that bears on another, with the verdict on it where it
// was judged beside it.
type Bearing struct {
	ID      string `json:"id"`
	Text    string `json:"text"`
	Verdict State  `json:"verdict"`
}

// Release is what the reports of one release say.
type Release struct {
	Digest  string    `json:"digest"`
	Verdict State     `json:"verdict"`
	Because string    `json:"because"`
	Reports []Report  `json:"reports"`
	Tests   []Outcome `json:"tests"` // one for each test of the claim
}

// Report is a report that was used, and what it could not look at.
type Report struct {
	Digest       string     `json:"digest"`
	Recipe       string     `json:"recipe"`
	Module       string     `json:"module"`
	AsOf         string     `json:"as_of"`
	AccountedPPM int64      `json:"accounted_ppm"`
	OpenedPPM    int64      `json:"opened_ppm"`
	Code         int64      `json:"code,string"`      // bytes
	CodeRead     int64      `json:"code_read,string"` // of them
	Gaps         []GapCount `json:"gaps"`
	Partial      bool       `json:"partial"`
	// What a verified bundle holds beside the report; nothing of it decides
	// but that findings are withdrawn.
	Signers []string `json:"signers"` // names of keys; none: a bare report
	Asked   string   `json:"asked"`   // when the vendor was asked, or that it was not
	Replies []Reply  `json:"replies"` // to findings that stand here
	Reruns  []Rerun  `json:"reruns"`
	// Corrections are the lab's own, to findings that stand here.
	Corrections []Correction `json:"corrections"`
}

// Correction is what a lab corrects of a finding, unedited.
type Correction struct {
	By      string `json:"by"` // name of the key
	Date    string `json:"date"`
	Finding string `json:"finding"`
	Text    string `json:"text"`
}

// Reply is a vendor's reply to a finding, unedited.
type Reply struct {
	By      string `json:"by"` // name of the key
	Date    string `json:"date"`
	Finding string `json:"finding"`
	Kind    string `json:"kind"`
	Text    string `json:"text"`
}

// Rerun is another lab's result for the same release.
type Rerun struct {
	By     string `json:"by"` // name of the key
	Date   string `json:"date"`
	Agrees bool   `json:"agrees"`
	First  string `json:"first"` // where it differs first
}

// GapCount is a number of gaps of one kind.
type GapCount struct {
	Kind string `json:"kind"`
	N    int64  `json:"n"`
}

// Outcome is what a test gave for one release.
type Outcome struct {
	Extent Extent    `json:"extent"`
	Why    string    `json:"why"` // of a test that did not look
	Looks  []Look    `json:"looks"`
	Hits   []Finding `json:"hits"`
	// Weaker are findings that are less sure than the test asks for. They
	// decide nothing.
	Weaker []Finding `json:"weaker"`
	// Withdrawn are findings that the lab has withdrawn. They decide nothing.
	Withdrawn []Finding `json:"withdrawn"`
}

// Look is what one check did in one report.
type Look struct {
	Check         string   `json:"check"`
	Report        string   `json:"report"`
	Extent        Extent   `json:"extent"`
	Why           string   `json:"why"` // of one that did not look
	Version       int      `json:"version"`
	Looked        int64    `json:"looked,string"`
	Unit          string   `json:"unit"`
	Failed        int64    `json:"failed,string"`
	NotApplicable []Reason `json:"not_applicable"`
	Gaps          []Gap    `json:"gaps"` // its own, MaxGaps at most
	GapsLeft      int      `json:"gaps_left"`
	// Code tells that the check reads code: what of it was not read, it did
	// not look at.
	Code bool `json:"code"`
}

// MaxGaps bounds the gaps that a verdict lists for one check; others are
// counted.
const MaxGaps = 100

// Reason is a number of nodes that a check does not apply to, and why.
type Reason struct {
	Why   string `json:"why"`
	Nodes string `json:"nodes"`
}

// Gap is a gap of a check.
type Gap struct {
	Kind string `json:"kind"`
	Node string `json:"node"`
	Why  string `json:"why"`
}

// Finding is a finding of a report.
type Finding struct {
	ID         string  `json:"id"`
	Report     string  `json:"report"` // the first that has it
	Rule       string  `json:"rule"`
	Severity   string  `json:"severity"`
	Confidence string  `json:"confidence"`
	Reach      string  `json:"reach"`
	Node       string  `json:"node"`
	Says       string  `json:"says"`
	Quotes     []Quote `json:"quotes"`
}

// Quote is where a finding's bytes stand, with what of them may be quoted.
type Quote struct {
	Node  string `json:"node"`
	Off   string `json:"off"`
	Len   string `json:"len"`
	Bytes string `json:"bytes"`
}

// JSON is the verdict as canonical JSON: the predicate of a statement about
// the claim, whose subject is the claim's digest.
func (v *Verdict) JSON() ([]byte, error) { return canon.Of(v) }

// Read reads what JSON wrote, and no other form of it.
func Read(b []byte) (*Verdict, error) {
	v := new(Verdict)
	if err := canon.Into(b, v); err != nil {
		return nil, err
	}
	if v.Version != Version {
		return nil, fmt.Errorf("version %q, expected %q", v.Version, Version)
	}
	if s, ok := Sentences[v.Verdict]; !ok || s != v.Sentence {
		return nil, fmt.Errorf("verdict %q with the sentence %.80q", v.Verdict, v.Sentence)
	}
	return v, nil
}
