package sevenzip

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// bcj2 joins four streams to x86 code: the code without the targets of calls
// and jumps, absolute call targets, absolute jump targets (both big-endian),
// and, range coded, one bit for each E8, E9 or 0F 8x in the first stream:
// whether its target was taken out.
type bcj2 struct {
	main, call, jump, rc *bufio.Reader
	probs                [256 + 2]uint16
	rng, code            uint32
	started              bool
	prev                 byte
	pos                  uint32
	target               [4]byte // bytes of a target that are still to be given
	have                 int
	err                  error
}

func newBCJ2(in []io.Reader) *bcj2 {
	d := &bcj2{main: buffered(in[0]), call: buffered(in[1]), jump: buffered(in[2]), rc: buffered(in[3]), rng: ^uint32(0)}
	for i := range d.probs {
		d.probs[i] = 1 << 10
	}
	return d
}

// bit decodes one bit of the fourth stream.
func (d *bcj2) bit(p *uint16) (bool, error) {
	if d.rng < 1<<24 {
		b, err := d.rc.ReadByte()
		if err != nil {
			return false, unexpected(err)
		}
		d.rng <<= 8
		d.code = d.code<<8 | uint32(b)
	}
	bound := d.rng >> 11 * uint32(*p)
	if d.code < bound {
		d.rng = bound
		*p += (1<<11 - *p) >> 5
		return false, nil
	}
	d.rng -= bound
	d.code -= bound
	*p -= *p >> 5
	return true, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Read implements io.Reader.
func (d *bcj2) Read(b []byte) (int, error) {
	if !d.started {
		d.started = true
		var head [5]byte
		if _, err := io.ReadFull(d.rc, head[:]); err != nil {
			d.err = unexpected(err)
		}
		d.code = binary.BigEndian.Uint32(head[1:])
	}
	n := 0
	for n < len(b) && (d.have > 0 || d.err == nil) {
		if d.have > 0 {
			k := copy(b[n:], d.target[4-d.have:])
			d.have -= k
			n += k
			continue
		}
		if n, d.err = d.run(b, n); d.err != nil && n > 0 {
			return n, nil
		}
	}
	if d.have == 0 && n == 0 {
		return 0, d.err
	}
	return n, nil
}

// run copies code up to and with the next branch, and reads its target.
func (d *bcj2) run(b []byte, n int) (int, error) {
	if d.main.Buffered() == 0 {
		if _, err := d.main.Peek(1); err != nil {
			if err == io.EOF {
				err = d.close()
			}
			return n, err
		}
	}
	src, _ := d.main.Peek(min(d.main.Buffered(), len(b)-n))
	prev := d.prev
	for i, c := range src {
		b[n+i] = c
		if c&0xFE == 0xE8 || prev == 0x0F && c&0xF0 == 0x80 {
			d.main.Discard(i + 1)
			d.pos += uint32(i + 1)
			d.prev = c
			return n + i + 1, d.branch(prev, c)
		}
		prev = c
	}
	d.prev = prev
	d.main.Discard(len(src))
	d.pos += uint32(len(src))
	return n + len(src), nil
}

// close lets the other streams' decoders see their ends. Of the range coder's
// bytes the last ones say nothing.
func (d *bcj2) close() error {
	for _, r := range []*bufio.Reader{d.call, d.jump} {
		if _, err := r.Peek(1); err == nil {
			return errors.New("targets of calls or jumps that nothing takes")
		} else if err != io.EOF {
			return err
		}
	}
	d.rc.Discard(4)
	return io.EOF
}

func (d *bcj2) branch(prev, op byte) error {
	p, from := &d.probs[257], d.jump
	switch op {
	case 0xE8:
		p, from = &d.probs[prev], d.call
	case 0xE9:
		p = &d.probs[256]
	}
	taken, err := d.bit(p)
	if err != nil || !taken {
		return err
	}
	if _, err := io.ReadFull(from, d.target[:]); err != nil {
		return unexpected(err)
	}
	d.pos += 4
	v := binary.BigEndian.Uint32(d.target[:]) - d.pos
	binary.LittleEndian.PutUint32(d.target[:], v)
	d.have = 4
	d.prev = byte(v >> 24)
	return nil
}
