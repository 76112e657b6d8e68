package unpack

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/wardein/wardein"
)

// Parent and child speak over one stream socket in frames of one type byte
// and varint fields; file descriptors cross on a second socket, one per
// message, ahead of the frame that needs them.
//
// To the child:   C configure · U unpack this blob · A answer to a query
// To the parent:  B begun · R record · O outcomes · N new content ·
// .               Q query · P progress · D request done
const (
	frameConfig   = 'C'
	frameUnpack   = 'U'
	frameAnswer   = 'A'
	frameBegin    = 'B'
	frameRecord   = 'R'
	frameOutcomes = 'O'
	frameContent  = 'N'
	frameQuery    = 'Q'
	frameProgress = 'P'
	frameDone     = 'D'
)

// setup is what the parent tells a child before its first request.
type setup struct {
	limits  Limits
	total   int64
	pack    int64 // id of the pack whose descriptor is passed
	workers int   // goroutines that compute; 1 with serial
	serial  bool  // one blob at a time, each announced: to find which one kills
	asks    bool  // the store holds results worth asking for
	poison  []Key // not to be opened again
}

func (e *encoder) setup(s *setup) {
	l := s.limits
	for _, v := range []int64{int64(l.Depth), l.MaxTotal, l.MinTotal, l.TotalRatio, l.StreamRatio, l.StreamFloor, l.Entries, int64(l.Name),
		s.total, s.pack, int64(s.workers)} {
		e.i(v)
	}
	e.flag(s.serial)
	e.flag(s.asks)
	e.u(uint64(len(s.poison)))
	for _, k := range s.poison {
		e.key(k)
	}
}

func (d *decoder) setup() *setup {
	s := &setup{limits: Limits{Depth: int(d.i()), MaxTotal: d.i(), MinTotal: d.i(), TotalRatio: d.i(), StreamRatio: d.i(),
		StreamFloor: d.i(), Entries: d.i(), Name: int(d.i())}, total: d.i(), pack: d.i(), workers: int(d.i())}
	s.serial, s.asks = d.flag(), d.flag()
	d.list(func() { s.poison = append(s.poison, d.key()) })
	return s
}

func (e *encoder) key(k Key) { e.d(k.Blob); e.s(k.As) }
func (e *encoder) flag(v bool) {
	if v {
		e.u(1)
	} else {
		e.u(0)
	}
}
func (e *encoder) loc(l Loc) {
	e.u(uint64(len(l)))
	for _, s := range l {
		e.i(s.Source)
		e.i(s.Off)
		e.u(uint64(s.Len))
	}
}

func (d *decoder) key() Key   { return Key{d.digest(), d.s()} }
func (d *decoder) flag() bool { return d.u() == 1 }
func (d *decoder) loc() (l Loc) {
	d.list(func() { l = append(l, Seg{Source: d.i(), Off: d.i(), Len: d.n()}) })
	return l
}

func newDecoder(r *bufio.Reader) *decoder { return &decoder{r: r, in: r} }

// bodyWriter sends a body of unknown length as chunks, ended by an empty one.
type bodyWriter struct{ w *bufio.Writer }

func (b bodyWriter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	var n [binary.MaxVarintLen64]byte
	b.w.Write(n[:binary.PutUvarint(n[:], uint64(len(p)))])
	return b.w.Write(p)
}

func (b bodyWriter) Close() error { return b.w.WriteByte(0) }

// bodyReader reads such a body; it must be read to its end.
type bodyReader struct {
	r    *bufio.Reader
	left uint64
	done bool
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.done {
		return 0, io.EOF
	}
	if b.left == 0 {
		n, err := binary.ReadUvarint(b.r)
		if err != nil {
			return 0, noEOF(err)
		}
		if n == 0 {
			b.done = true
			return 0, io.EOF
		}
		b.left = n
	}
	n, err := b.r.Read(p[:min(uint64(len(p)), b.left)])
	b.left -= uint64(n)
	return n, noEOF(err)
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// socketPair returns the two ends of a stream socket as files.
func socketPair() (a, b *os.File, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "parent end"), os.NewFile(uintptr(fds[1]), "child end"), nil
}

// unixConn turns an end of a socket pair into a connection and closes f.
func unixConn(f *os.File) (*net.UnixConn, error) {
	c, err := net.FileConn(f)
	f.Close()
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.New("not a unix socket")
	}
	return u, nil
}

// sendFile passes a descriptor under a source id.
func sendFile(c *net.UnixConn, id int64, f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = raw.Control(func(fd uintptr) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(id))
		_, _, serr = c.WriteMsgUnix(b[:], syscall.UnixRights(int(fd)), nil)
	})
	return errors.Join(err, serr)
}

func receiveFile(c *net.UnixConn) (int64, *os.File, error) {
	var b [8]byte
	oob := make([]byte, 64)
	n, oobn, _, _, err := c.ReadMsgUnix(b[:], oob)
	if err != nil {
		return 0, nil, err
	}
	if n != len(b) {
		return 0, nil, io.ErrUnexpectedEOF
	}
	msgs, err := syscall.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(msgs) != 1 {
		return 0, nil, fmt.Errorf("no descriptor in message: %v", err)
	}
	fds, err := syscall.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		return 0, nil, fmt.Errorf("no descriptor in message: %v", err)
	}
	id := int64(binary.LittleEndian.Uint64(b[:]))
	return id, os.NewFile(uintptr(fds[0]), fmt.Sprintf("source %d", id)), nil
}

// encodeRecord writes a record member by member.
func encodeRecord(w io.Writer, r *Record) error {
	e := &encoder{}
	e.head(r)
	err := r.members.each(e, func() error {
		if len(e.b) < 32<<10 {
			return nil
		}
		_, err := w.Write(e.b)
		e.b = e.b[:0]
		return err
	})
	if err == nil {
		_, err = w.Write(e.b)
	}
	return err
}

// RecordReader reads a stored record: its head at once, its members one by
// one, so that a record of a million members is never held.
type RecordReader struct {
	Record
	Members int64
	d       *decoder
}

// ReadRecord reads a record's head.
func ReadRecord(r *bufio.Reader) (*RecordReader, error) {
	rr := &RecordReader{d: newDecoder(r)}
	n, err := rr.d.head(&rr.Record)
	rr.Members = n
	return rr, err
}

// Next reads the next member; io.EOF after the last.
func (r *RecordReader) Next() (*Member, error) {
	if r.Members == 0 {
		return nil, io.EOF
	}
	r.Members--
	m := new(Member)
	return m, noEOF(r.d.member(m))
}

// ReadOutcomes reads what the checks said of a blob.
func ReadOutcomes(r *bufio.Reader) ([]wardein.Outcome, error) {
	_, all, err := newDecoder(r).outcomes()
	return all, err
}

func encodeOutcomes(k Key, o []wardein.Outcome) io.Reader {
	e := &encoder{}
	e.outcomes(k.Blob, k.As, o)
	return bytes.NewReader(e.b)
}
