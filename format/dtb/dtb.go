package dtb

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

const (
	// measureTokens is how far Measure walks: enough to be sure, bounded so
	// that a chance hit costs little.
	measureTokens = 4096

	maxNote  = 4096
	maxHoles = 1 << 16
	// maxPlain is the longest value that is taken for numbers without a look.
	maxPlain = 64
)

// Format is the flattened device tree, versions 16 and 17.
var Format = wardein.Format{
	Name:    "dtb",
	Version: 1,
	Doc: wardein.Doc{
		About: "Flattened device tree (DTB): what hardware a board has, handed by boot loaders to Linux and used by U-Boot for itself.",
		How: "The header's offsets must fit each other and the structure block must be a tree. Properties are metadata; " +
			"a value of more than 64 bytes that is no text is searched for what it embeds.",
		Limits: []string{
			"versions before 16 (before 2005) are not read",
			"nodes nested deeper than 64 end the walk",
		},
		References: []string{"Devicetree Specification v0.4, chapter 5, Flattened Devicetree (DTB) Format"},
	},
	Magic:   []wardein.Magic{{Bytes: magic}},
	Measure: measure,
	Extract: extract,
}

type skim struct{}

func (skim) begin(int, string) error { return nil }
func (skim) prop(int, prop) error    { return nil }
func (skim) end(int) error           { return nil }

func measure(r *io.SectionReader) (wardein.Claim, error) {
	h, err := readHeader(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	claim := wardein.Claim{End: min(h.total, r.Size()), Confidence: wardein.Certain, Evidence: "header and structure block ok"}
	_, err = walk(r, h, measureTokens, skim{})
	if h.total > r.Size() {
		claim.Confidence, claim.Evidence = wardein.Likely, "header and root node ok"
		return claim, fmt.Errorf("tree at 0x0: %d bytes, header says %d", r.Size(), h.total)
	}
	if err != nil && !errors.Is(err, errEnough) {
		claim.Confidence, claim.Evidence = wardein.Likely, "header and root node ok"
		return claim, err
	}
	return claim, nil
}

// reader collects what a plain tree says.
type reader struct {
	ctx   context.Context
	r     *io.SectionReader
	out   wardein.Members
	path  [maxDepth]string
	holes []prop
}

func (d *reader) begin(depth int, name string) error {
	d.path[depth] = name
	return d.ctx.Err()
}

func (d *reader) end(int) error { return nil }

func (d *reader) prop(depth int, p prop) error {
	switch {
	case depth == 0 && (p.name == "model" || p.name == "compatible" || p.name == "serial-number"):
		d.out.Note(p.name, text(value(d.r, p, maxNote)))
	case depth == 1 && d.path[1] == "chosen" && (p.name == "bootargs" || p.name == "stdout-path"):
		d.out.Note(p.name, text(value(d.r, p, maxNote)))
	}
	if p.len > maxPlain && len(d.holes) < maxHoles && !isText(value(d.r, p, maxNote)) {
		if n := min(p.len, d.r.Size()-p.off); n > 0 {
			p.len = n
			d.holes = append(d.holes, p)
			d.out.Span(wardein.Span{Off: p.off, Len: n, What: wardein.Known, Is: "property " + p.name, Carve: true})
		}
	}
	return nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	h, err := readHeader(r)
	if err != nil {
		return 0, err
	}
	d := &reader{ctx: ctx, r: r, out: out}
	end := min(h.total, r.Size())
	stop, err := walk(r, h, 0, d)
	layout(r, h, stop, d.holes, out)
	if ctx.Err() != nil {
		return end, ctx.Err()
	}
	if err != nil && h.total <= r.Size() && !measured(r, h) {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: min(stop, end), Why: err.Error()})
	}
	return end, nil
}

// measured says whether Measure has walked far enough to tell of an error.
func measured(r *io.SectionReader, h header) bool {
	_, err := walk(r, h, measureTokens, skim{})
	return !errors.Is(err, errEnough)
}
