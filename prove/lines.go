package prove

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"runtime"

	"github.com/wardein/wardein"
)

// sums are what one pass over a file of lines gives.
type sums struct {
	sha256 wardein.Digest
	crc    uint32
	size   int64
	root   Root
}

var errCut = errors.New("its last line has no line feed")

// chunkSize and chunks bound what a pass over lines holds in memory, however
// long the file and its lines.
const (
	chunkSize = 256 << 10
	chunks    = 8
)

// chunk is a piece of a file of lines on its way through the pass.
type chunk struct {
	buf   []byte // whole lines after the first skip bytes, or a piece of a long one
	skip  int    // bytes of a long line, whose end they are
	first uint64 // index of the first whole line

	leaves [][32]byte
	room   []byte
	done   chan struct{}
}

// sumLines reads a file of lines once: its SHA-256 and CRC-32, and the salted
// root over its lines, which stand without their line feeds. SHA-256 of the
// file can only be taken from front to back, the leaves on all processors.
func sumLines(r io.Reader, seed *[32]byte, label byte) (s sums, err error) {
	whole, crc := sha256.New(), crc32.NewIEEE()
	inOrder, any := make(chan *chunk, chunks), make(chan *chunk, chunks)
	defer close(any)
	defer close(inOrder)
	go func() {
		for c := range inOrder {
			whole.Write(c.buf)
			crc.Write(c.buf)
			c.done <- struct{}{}
		}
	}()
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for c := range any {
				c.hash(seed, label)
				c.done <- struct{}{}
			}
		}()
	}
	var ring [chunks]*chunk
	var tree summit
	fold := func(c *chunk) {
		<-c.done
		<-c.done
		for i := range c.leaves {
			tree.add(c.leaves[i], 0)
		}
	}
	var rest []byte    // of a line that began in the last chunk
	var long hash.Hash // the leaf of a line that is longer than a chunk
	next := uint64(0)
	n := 0
	for end := false; !end; n++ {
		c := ring[n%chunks]
		if c == nil {
			c = &chunk{buf: make([]byte, chunkSize), done: make(chan struct{}, 2)}
			ring[n%chunks] = c
		} else {
			fold(c)
		}
		c.buf, c.leaves, c.skip, c.first = c.buf[:chunkSize], c.leaves[:0], 0, next
		k := copy(c.buf, rest)
		rest = nil
		m, rerr := io.ReadFull(r, c.buf[k:])
		c.buf = c.buf[:k+m]
		s.size += int64(m)
		if rerr != nil && rerr != io.EOF && !errors.Is(rerr, io.ErrUnexpectedEOF) {
			err = rerr
			c.buf = nil
		}
		end = rerr != nil
		if long != nil {
			i := bytes.IndexByte(c.buf, '\n')
			c.skip = i + 1
			if i < 0 {
				i, c.skip = len(c.buf), len(c.buf)
			}
			long.Write(c.buf[:i])
			if i < len(c.buf) {
				c.leaves = append(c.leaves, [32]byte(long.Sum(nil)))
				long = nil
				next++
				c.first = next
			}
		}
		if last := bytes.LastIndexByte(c.buf, '\n') + 1; last > c.skip || last == c.skip && last > 0 {
			rest = append([]byte(nil), c.buf[last:]...)
			c.buf = c.buf[:last]
		} else if long == nil && len(c.buf) > 0 {
			long = sha256.New()
			long.Write([]byte{0})
			sl := salt(seed, label, next)
			long.Write(sl[:])
			long.Write(c.buf)
			c.skip = len(c.buf)
		}
		next += uint64(bytes.Count(c.buf[c.skip:], []byte{'\n'}))
		inOrder <- c
		any <- c
	}
	for i := max(0, n-chunks); i < n; i++ {
		fold(ring[i%chunks])
	}
	if err != nil {
		return s, err
	}
	if len(rest) > 0 || long != nil {
		return s, errCut
	}
	whole.Sum(s.sha256[:0])
	s.crc = crc.Sum32()
	s.root = Root{tree.root(), int64(tree.size)}
	return s, nil
}

// hash takes the leaves of a chunk's whole lines.
func (c *chunk) hash(seed *[32]byte, label byte) {
	i := c.first
	for lines := c.buf[c.skip:]; len(lines) > 0; i++ {
		n := bytes.IndexByte(lines, '\n')
		sl := salt(seed, label, i)
		var leaf [32]byte
		leaf, c.room = leafHash(c.room, &sl, lines[:n])
		c.leaves = append(c.leaves, leaf)
		lines = lines[n+1:]
	}
}
