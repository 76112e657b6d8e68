package xz

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/wardein/wardein/codec/bcj"
	"github.com/wardein/wardein/codec/lzma"
)

// MaxPadding is how much padding between two streams a Reader steps over. More
// of it separates two files, not two parts of one.
const MaxPadding = 4096

// Reader decodes a file of one or more streams.
type Reader struct {
	// Mismatch, where not nil, is told that the content of a block, whose
	// packed bytes are off and len in the input, fails its check or has one
	// that is not known; reading then goes on. Where it is nil, a check that
	// fails is an error and an unknown one is passed over.
	Mismatch func(off, len int64, err error)

	in      *bufio.Reader
	base    int64 // input bytes consumed, without those of the current block's data
	err     error
	streams int

	check Check
	block block
	start int64 // of the block
	open  bool
	lz    *lzma.Reader
	body  io.Reader // what the block's content is read from
	sum   hash.Hash
	made  int64

	// The blocks' sizes are kept as a hash: the index is compared with that.
	count   uint64
	records hash.Hash
}

// NewReader returns a Reader of r. Given a *bufio.Reader of 8 KiB and more it
// reads nothing past the end of the last stream.
func NewReader(r io.Reader) *Reader {
	in, ok := r.(*bufio.Reader)
	if !ok || in.Size() < 2*MaxPadding {
		in = bufio.NewReaderSize(r, 64<<10)
	}
	return &Reader{in: in}
}

// Consumed is how many bytes of input were decoded. After io.EOF it is the
// length of the file.
func (r *Reader) Consumed() int64 {
	if r.open {
		return r.base + r.lz.Consumed()
	}
	return r.base
}

// Window is how large the window is, or will be once the next bytes are there.
func (r *Reader) Window() int64 {
	if r.lz == nil {
		return 0
	}
	return r.lz.Window()
}

// Streams is how many streams have begun.
func (r *Reader) Streams() int { return r.streams }

// Check is the kind of check in the current stream.
func (r *Reader) Check() Check { return r.check }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.err == nil {
		if !r.open {
			r.err = r.next()
			continue
		}
		n, err := r.body.Read(p)
		r.took(p[:n])
		if err != nil {
			r.err = r.ended(err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, r.err
}

// WriteTo implements io.WriterTo; without filters the bytes come straight from
// the window.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	to := &tee{r: r, w: w}
	for r.err == nil {
		if !r.open {
			r.err = r.next()
			continue
		}
		_, err := io.Copy(to, r.body)
		if to.err != nil {
			return to.n, to.err
		}
		if err == nil {
			err = io.EOF
		}
		r.err = r.ended(err)
	}
	if r.err == io.EOF {
		return to.n, nil
	}
	return to.n, r.err
}

// tee passes a block's content on and has it counted.
type tee struct {
	r   *Reader
	w   io.Writer
	n   int64
	err error
}

func (t *tee) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	t.n += int64(n)
	t.r.took(p[:n])
	t.err = err
	return n, err
}

func (r *Reader) took(p []byte) {
	r.made += int64(len(p))
	if r.sum != nil {
		r.sum.Write(p)
	}
}

// next goes to the next block's content, over headers, index, footer and
// padding; it may stop between them and return nil.
func (r *Reader) next() error {
	if r.records == nil {
		return r.nextStream()
	}
	b, err := r.peek(1)
	if err != nil {
		return err
	}
	if b[0] == 0 {
		return r.endStream()
	}
	b, err = r.peek((int(b[0]) + 1) * 4)
	if err != nil {
		return err
	}
	r.start = r.base
	if r.block, err = parseBlock(b); err != nil {
		return fmt.Errorf("xz block %d at %#x: %w", r.count, r.start, err)
	}
	r.discard(r.block.size)
	dict := r.block.dict
	if r.block.unpacked >= 0 {
		dict = uint32(min(int64(dict), r.block.unpacked))
	}
	if r.lz == nil {
		r.lz, _ = lzma.NewReader2(r.in, dict)
	} else {
		r.lz.Reset2(r.in, dict)
	}
	r.body = r.lz
	for i := len(r.block.filters) - 1; i >= 0; i-- {
		f, err := r.block.filters[i].make()
		if err != nil {
			return err
		}
		r.body = bcj.NewReader(r.body, f)
	}
	r.sum, r.made, r.open = r.check.hash(), 0, true
	return nil
}

// ended is called when the block's content is: err is io.EOF or what broke it.
func (r *Reader) ended(err error) error {
	packed := r.lz.Consumed()
	r.base += packed
	r.open = false
	fail := func(err error) error { return fmt.Errorf("xz block %d at %#x: %w", r.count, r.start, err) }
	if err == io.EOF {
		err = r.block.compare(packed, r.made)
	}
	if err != nil {
		return fail(err)
	}
	unpadded := int64(r.block.size) + packed + int64(r.check.size())
	pad := int(-packed & 3)
	b, err := r.peek(pad + r.check.size())
	if err != nil {
		return fail(err)
	}
	for _, x := range b[:pad] {
		if x != 0 {
			return fail(fmt.Errorf("%w: block padding %#x", ErrDamaged, x))
		}
	}
	err = r.check.compare(r.sum, b[pad:])
	r.discard(len(b))
	switch {
	case err == nil:
	case r.Mismatch != nil:
		r.Mismatch(r.start, r.base-r.start, fmt.Errorf("xz block %d: %w", r.count, err))
	case !errors.Is(err, ErrUnsupported):
		return fail(err)
	}
	r.record(uint64(unpadded), uint64(r.made))
	r.count++
	return nil
}

func (r *Reader) record(unpadded, unpacked uint64) {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], unpadded)
	binary.LittleEndian.PutUint64(b[8:], unpacked)
	r.records.Write(b[:])
}

// nextStream reads a stream header, or finds that there is none any more.
func (r *Reader) nextStream() error {
	if r.streams > 0 {
		b, err := r.in.Peek(MaxPadding + len(Magic))
		if err != nil && err != io.EOF {
			return err
		}
		pad := 0
		for pad < len(b) && b[pad] == 0 {
			pad++
		}
		if pad%4 != 0 || len(b)-pad < len(Magic) || string(b[pad:pad+len(Magic)]) != Magic {
			return io.EOF
		}
		r.discard(pad)
	}
	b, err := r.peek(headerLen)
	if err != nil {
		return err
	}
	if r.check, err = ParseHeader(b); err != nil {
		return fmt.Errorf("xz stream at %#x: %w", r.base, err)
	}
	r.discard(headerLen)
	r.streams++
	r.count, r.records = 0, sha256.New()
	return nil
}

// endStream reads index and footer.
func (r *Reader) endStream() error {
	at := r.base
	fail := func(err error) error { return fmt.Errorf("xz index at %#x: %w", at, err) }
	crc := crc32.NewIEEE()
	step := func(n int) {
		b, _ := r.in.Peek(n)
		crc.Write(b)
		r.discard(n)
	}
	number := func() (uint64, error) {
		b, err := r.in.Peek(9)
		if err != nil && err != io.EOF {
			return 0, err
		}
		v, n := vli(b)
		if n == 0 {
			if len(b) < 9 {
				return 0, io.ErrUnexpectedEOF
			}
			return 0, fmt.Errorf("%w: bad number", ErrDamaged)
		}
		step(n)
		return v, nil
	}
	step(1)
	count, err := number()
	if err != nil {
		return fail(err)
	}
	if count != r.count {
		return fail(fmt.Errorf("%w: index of %d blocks, found %d", ErrDamaged, count, r.count))
	}
	found := r.records.Sum(nil)
	r.records = sha256.New()
	for range count {
		unpadded, err := number()
		if err != nil {
			return fail(err)
		}
		unpacked, err := number()
		if err != nil {
			return fail(err)
		}
		r.record(unpadded, unpacked)
	}
	if string(r.records.Sum(nil)) != string(found) {
		return fail(fmt.Errorf("%w: sizes in the index differ from those of the blocks", ErrDamaged))
	}
	pad := int(-(r.base - at) & 3)
	b, err := r.peek(pad + 4)
	if err != nil {
		return fail(err)
	}
	for _, x := range b[:pad] {
		if x != 0 {
			return fail(fmt.Errorf("%w: index padding %#x", ErrDamaged, x))
		}
	}
	crc.Write(b[:pad])
	if got, want := crc.Sum32(), binary.LittleEndian.Uint32(b[pad:]); got != want {
		return fail(fmt.Errorf("%w: crc32 computed %#x, stored %#x", ErrDamaged, got, want))
	}
	r.discard(pad + 4)
	size := r.base - at
	if b, err = r.peek(footerLen); err != nil {
		return err
	}
	back, err := parseFooter(b, r.check)
	if err == nil && back != size {
		err = fmt.Errorf("%w: index of %d bytes, found %d", ErrDamaged, back, size)
	}
	if err != nil {
		return fmt.Errorf("xz footer at %#x: %w", r.base, err)
	}
	r.discard(footerLen)
	r.records = nil
	return nil
}

func (r *Reader) peek(n int) ([]byte, error) {
	b, err := r.in.Peek(n)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("xz at %#x: %w", r.base, io.ErrUnexpectedEOF)
	}
	return b, err
}

func (r *Reader) discard(n int) {
	n, _ = r.in.Discard(n)
	r.base += int64(n)
}
