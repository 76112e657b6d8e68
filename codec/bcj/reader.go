package bcj

import "io"

// Reader undoes one filter over what it reads.
type Reader struct {
	f    *Filter
	in   io.Reader
	err  error
	from int // buf[from:done] is final
	done int
	end  int // buf[done:end] waits for what follows
	buf  [32 << 10]byte
}

// NewReader returns a reader of in's bytes with the filter undone. It reads
// ahead by up to 32 KiB and starts with the filter's state as it is.
func NewReader(in io.Reader, f *Filter) *Reader { return &Reader{f: f, in: in} }

// Read gives in's errors after the bytes that came before them.
func (s *Reader) Read(p []byte) (int, error) {
	for s.from == s.done {
		if s.err != nil {
			if s.done == s.end {
				return 0, s.err
			}
			s.done = s.end // the rest is final as it is
			break
		}
		s.end = copy(s.buf[:], s.buf[s.done:s.end])
		s.from, s.done = 0, 0
		for s.end < len(s.buf) && s.err == nil {
			var n int
			n, s.err = s.in.Read(s.buf[s.end:])
			s.end += n
		}
		s.done = s.f.Undo(s.buf[:s.end])
	}
	n := copy(p, s.buf[s.from:s.done])
	s.from += n
	return n, nil
}
