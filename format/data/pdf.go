package data

import (
	"bytes"
	"fmt"

	"github.com/wardein/wardein"
)

// pdfInside tells the streams of a document from what describes them: they are
// not opened. A stream begins behind a dictionary and the keyword, and ends at
// the next endstream (ISO 32000-1 section 7.3.8); what the dictionary says of
// its length stands in another object, as often as not.
func pdfInside(f *file, end int64, out wardein.Members) {
	pos, count, size := int64(0), int64(0), int64(0)
	for off := int64(0); ; {
		at := f.find("stream", off, end)
		if at < 0 {
			break
		}
		off = at + int64(len("stream"))
		before := f.at(max(at-4, 0), int(min(at, 4)))
		if !bytes.HasSuffix(bytes.TrimRight(before, "\r\n\t "), []byte(">>")) {
			continue
		}
		if f.u8(off) == '\r' {
			off++
		}
		if f.u8(off) != '\n' {
			continue
		}
		off++
		stop := f.find("endstream", off, end)
		next := stop + int64(len("endstream"))
		if stop < 0 {
			stop, next = end, end
		}
		if stop > off {
			out.Span(wardein.Span{Off: pos, Len: off - pos, What: wardein.Known, Is: "pdf"})
			out.Span(wardein.Span{Off: off, Len: stop - off, What: wardein.Opaque, Is: "stream"})
			pos = stop
			count, size = count+1, size+stop-off
		}
		off = next
	}
	out.Span(wardein.Span{Off: pos, Len: end - pos, What: wardein.Known, Is: "pdf"})
	if count > 0 {
		out.Gap(wardein.Gap{Kind: wardein.Unsupported, Why: fmt.Sprintf("%d streams of %d bytes together are not opened", count, size)})
	}
}

// find returns where a word of at most 16 bytes stands first in [from, to), -1
// when nowhere. Blocks are aligned, so that each is read about once.
func (f *file) find(word string, from, to int64) int64 {
	const step = 16 << 10
	for start := from &^ (step - 1); start < to; start += step {
		b := f.at(start, int(min(step+16, to-start)))
		if b == nil {
			break
		}
		skip := max(from-start, 0)
		if i := bytes.Index(b[min(skip, int64(len(b))):], []byte(word)); i >= 0 {
			return start + skip + int64(i)
		}
	}
	return -1
}
