package wardein

// GapKind says why something was not looked at.
type GapKind string

// The closed set of reasons for a Gap.
const (
	Damaged     GapKind = "damaged"     // bytes contradict the format
	Unsupported GapKind = "unsupported" // recognised, no reader for it
	Encrypted   GapKind = "encrypted"   // no key
	Limit       GapKind = "limit"       // a bound was reached; Why gives both numbers
	Crashed     GapKind = "crashed"     // a reader or a check failed in a way it must not
	NoData      GapKind = "no-data"     // a check had no database to look into
)

// Gap is something that was not looked at. A Gap is part of every report.
type Gap struct {
	// Node is the path of the node; a format leaves it empty, or names the
	// member it speaks of.
	Node string
	// Who is the format, check or engine part that could not look; a format
	// leaves it empty.
	Who  string
	Kind GapKind
	// Off and Len are the bytes concerned, relative to the node (for a
	// format: to its claim). Len 0: no particular run.
	Off, Len int64
	// Why names what was expected and what was found.
	Why string
}

// Error lets a Check.Tree end in a Gap, or in several joined (errors.Join).
func (g *Gap) Error() string { return g.Why }

// Severity grades the effect of a finding, never an intent.
type Severity uint8

// The severities, least first.
const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severityNames = [...]string{"info", "low", "medium", "high", "critical"}

func (s Severity) String() string { return severityNames[min(int(s), len(severityNames)-1)] }

// Reach says from where the effect of a finding can be had.
type Reach uint8

// The reaches, nearest to the user of the network last.
const (
	NoneShown Reach = iota
	Local
	Management
	NetworkSide
	SubscriberSide
)

var reachNames = [...]string{"none shown", "local", "management", "network side", "subscriber side"}

func (r Reach) String() string { return reachNames[min(int(r), len(reachNames)-1)] }

// Text is a sentence by message id and parameters, so that a report can be
// printed in another language. Messages holds the English sentences.
type Text struct {
	ID   string
	Args []Note
}

// Quote is what somebody who holds the release needs to find the place. It
// never holds a secret: the quote of a key or a password is its kind, offset
// and length.
type Quote struct {
	Node     string
	Off, Len int64
	// Bytes are at most 64 bytes of code or 256 bytes of text.
	Bytes string
}

// Finding is a statement about a release.
type Finding struct {
	// ID comes from rule and content, so that it is the same in the next
	// release and in a vendor's reply.
	ID         string
	Check      string
	Rule       string
	Node       string
	Severity   Severity
	Confidence Confidence
	Reach      Reach
	// Cases are the test cases of 3GPP TS 33.117 that it speaks to; the runner
	// fills in those of its rule where the check names none itself.
	Cases []string
	// Exploited tells that a public list names what the finding is about as
	// exploited (CISA KEV).
	Exploited bool
	Says      Text // what is there and what it means
	Fix       Text // what the vendor can do
	Meanwhile Text // what the operator can do until then
	Quotes    []Quote
}
