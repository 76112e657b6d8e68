package wardein

import (
	"context"
	"errors"
	"io"
)

// Format is one container or file format: data and two functions, no state.
type Format struct {
	// Name is the format's usual name in lower case ("squashfs", "uimage").
	Name string
	// Version counts changes of this reader that can change its results;
	// cached results of other versions are not used.
	Version int
	Doc     Doc
	// Magic lists byte strings any of which makes the engine call Measure.
	Magic []Magic
	// Refines lists formats that this one is a special case of: where both
	// claim the same start, this one wins (deb refines ar).
	Refines []string
	// Measure looks at a candidate and decides whether it is one, and where
	// it ends. r begins at the candidate's first byte and ends where the
	// surrounding node ends. Measure must reject a chance hit on header
	// fields in well under a microsecond, returning ErrNotMine; it may read
	// more only when the header convinces. A trial decode reads at most 4 KiB.
	// A Claim together with an error other than ErrNotMine means: mine,
	// damaged, keep this much.
	Measure func(r *io.SectionReader) (Claim, error)
	// Extract reports the members, spans and notes of a claim and returns
	// where it ends (relative to r's beginning; equal to the claim's End when
	// Measure knew it). r is cut to the claim where its end is known. All that
	// was handed out before an error is kept; the error becomes a Gap.
	// Extract starts no goroutine and keeps no reference to r or out after it
	// returns, except inside Block.Decode functions, which must be safe to
	// call at any time from any goroutine and must not use r.
	//
	// A nil Extract is a format that is recognised but not opened: its claim
	// is Opaque and a Gap says so.
	Extract func(ctx context.Context, r *io.SectionReader, out Members) (end int64, err error)
}

// Magic is a byte string at a fixed distance from a format's first byte.
type Magic struct {
	// Bytes are the raw bytes to find, at least 2. Short or common magics
	// cost time on every input: prefer 4 bytes and more.
	Bytes string
	// Mask, where not empty, is as long as Bytes; a byte matches when
	// found & mask == wanted & mask. The first two mask bytes must be 0xFF.
	Mask string
	// Back is how many bytes before the magic the format begins
	// (ext: 0x438, tar: 257).
	Back int64
	// Anchored magics count only where the format would begin at the first
	// byte of a node; for magics too weak to look for everywhere.
	Anchored bool
	// Inside magics stand anywhere in the format, which begins at the first
	// byte of a node; for formats without a header. Back is not used.
	Inside bool
}

// Claim is what Measure says about a candidate.
type Claim struct {
	// End is the claim's length in bytes, or EndUnknown when only decoding
	// tells (a compressed stream).
	End int64
	// Confidence decides between overlapping claims.
	Confidence Confidence
	// Evidence says in a few words why the bytes are believed
	// ("header crc32 ok", "superblock and root inode ok").
	Evidence string
}

// EndUnknown is Claim.End for formats whose end only decoding tells.
const EndUnknown = -1

// Confidence is how sure a Claim or a Finding is.
type Confidence uint8

// Possible: the magic and a few fields fit. Likely: many fields that constrain
// each other fit. Certain: a checksum or a walk over the structure fits.
const (
	Possible Confidence = iota
	Likely
	Certain
)

var confidenceNames = [...]string{"possible", "likely", "certain"}

func (c Confidence) String() string { return confidenceNames[min(int(c), len(confidenceNames)-1)] }

// ErrNotMine is Measure's answer to bytes that match the magic by chance. It
// is the only silent error.
var ErrNotMine = errors.New("not this format")

// Members is the only way out of a format's Extract. Every method that returns
// an error returns one when the engine wants no more (a limit is reached, the
// run is ending): Extract then returns that error at once.
//
// Bytes that are handed out as content of a member are accounted for by that.
// Metadata is accounted for by Span. Bytes of the claim that neither names are
// unreferenced: the engine calls them padding when they repeat one byte 0x00
// or 0xFF, and unknown, to be scanned, otherwise.
type Members interface {
	// Entry adds a member without content: directory, link, device.
	Entry(Entry) error
	// Extents adds a member whose content is these runs of the container's
	// bytes, in this order. Nothing is copied.
	Extents(Entry, []Extent) error
	// Blocks adds a member whose content is decoded block by block, each on
	// its own. The engine decides when and where blocks are decoded; it keeps
	// the slice. A block that fails becomes a Gap and reads as zeros.
	Blocks(Entry, []Block) error
	// Stream adds a member whose content is everything r gives, and returns
	// after r ended. A read error other than io.EOF becomes a Gap, what was
	// read before it is kept, and Stream returns the error. The format tells
	// which bytes the stream came from by Span.
	Stream(Entry, io.Reader) error
	// Span says what a run of the claim's bytes is: metadata (Known),
	// or recognised and not opened (Opaque). Spans may come in any order.
	Span(Span)
	// Note records what a header states and that is no member.
	Note(name, value string)
	// Gap records what could not be looked at. Off and Len are relative to
	// the claim's beginning.
	Gap(Gap)
}

// Windowed is a reader for Members.Stream that keeps the last bytes it gave in
// memory. Window is how many these are, or will soon be when it grows at the
// next Read; streams of large windows wait for each other.
type Windowed interface{ Window() int64 }

// Block is one independently encoded piece of a member's content.
type Block struct {
	// Src is where the encoded bytes stand in the container. Src.Off Zeros
	// or Ones is a run that is stored nowhere; Size says how long.
	Src Extent
	// Size is the length of the whole decoded block in bytes.
	Size int64
	// From and Len select the part of the decoded block that belongs to the
	// member; Len 0 means all from From to Size. Blocks of which members use
	// parts (fragments) are decoded once and shared.
	From, Len int64
	// Decode fills dst, which is Size long, from src, and returns how many
	// bytes it wrote. It keeps neither. Nil: the bytes are stored as they are.
	Decode func(dst, src []byte) (int, error)
}

// Doc describes a format or a check to its users; it is what `wardein formats`
// and `wardein checks` print and what docs/ is generated from.
type Doc struct {
	// About is one sentence: what it is and where it is met.
	About string
	// How says how it works, in the specification's terms.
	How                            string
	FalsePositives, FalseNegatives []string
	Limits                         []string
	// References are the sources the layout or the rule follows.
	References []string
}
