package bcj_test

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"testing"

	"github.com/wardein/wardein/codec/bcj"
)

var all = []bcj.ID{bcj.X86, bcj.PowerPC, bcj.IA64, bcj.ARM, bcj.ARMThumb, bcj.SPARC, bcj.ARM64, bcj.RISCV}

// opcodes is noise that holds what the filters look for often.
func opcodes(n int) []byte {
	rnd := rand.New(rand.NewSource(4))
	ops := []byte{0xE8, 0xE9, 0x00, 0xFF, 0x48, 0xEB, 0xF0, 0xF8, 0x40, 0x7F, 0x94, 0x90, 0x10, 0x17, 0xEF, 0x31, 0x93}
	b := make([]byte, n)
	rnd.Read(b)
	for i := range b {
		if rnd.Intn(3) > 0 {
			b[i] = ops[rnd.Intn(len(ops))]
		}
	}
	return b
}

// The result does not depend on how the data is cut. (That it is right is
// compared with xz in package xz, which reads every filter but RISC-V's.)
func TestPieces(t *testing.T) {
	data := opcodes(100_000)
	rnd := rand.New(rand.NewSource(5))
	for _, id := range all {
		whole := bytes.Clone(data)
		f, err := bcj.New(id, 4096)
		if err != nil {
			t.Fatal(err)
		}
		n := f.Undo(whole)
		if n < len(data)-16 {
			t.Errorf("filter %#x: %d of %d bytes final", id, n, len(data))
		}
		if bytes.Equal(whole, data) {
			t.Errorf("filter %#x changed nothing", id)
		}
		f, _ = bcj.New(id, 4096)
		parts := bytes.Clone(data)
		for done, end := 0, 0; end < len(parts); {
			end = min(len(parts), end+rnd.Intn(60))
			done += f.Undo(parts[done:end])
		}
		if !bytes.Equal(parts, whole) {
			t.Errorf("filter %#x: in pieces differs", id)
		}
	}
	if _, err := bcj.New(bcj.ARM, 2); err == nil {
		t.Error("arm: start 2 taken")
	}
	if _, err := bcj.New(0x21, 0); err == nil {
		t.Error("filter 0x21 taken")
	}
}

// encodeRISCV is what the RISC-V filter does before compression, after the
// description in XZ Utils: it tests the reader without a reference tool, which
// Debian 12 does not have.
func encodeRISCV(b []byte, pos uint32) {
	le := binary.LittleEndian
	for i := 0; i+8 <= len(b); i += 2 {
		pc := pos + uint32(i)
		one, two := le.Uint32(b[i:]), le.Uint32(b[i+4:])
		rd := one >> 7 & 31
		switch {
		case one&0xFF == 0xEF && one&0x0D00 == 0:
			to := one>>31<<20 | one>>12&0xFF<<12 | one>>20&1<<11 | one>>21&0x3FF<<1
			to += pc
			b[i+1] = b[i+1]&0x0F | byte(to>>17)<<4
			b[i+2], b[i+3] = byte(to>>9), byte(to>>1)
			i += 2
		case one&0x7F != 0x17:
		case rd != 0 && rd != 2:
			if two&3 != 3 || two>>15&31 != rd {
				i += 4
				continue
			}
			to := one&^0xFFF + uint32(int32(two)>>20) + pc
			le.PutUint32(b[i:], 0x117|two<<12)
			binary.BigEndian.PutUint32(b[i+4:], to)
			i += 6
		default:
			rs1 := one >> 27
			if one&0x3FFF != 0x3117 || rs1 == 0 || rs1 == 2 {
				i += 2
				continue
			}
			le.PutUint32(b[i:], 0x17|rs1<<7|two&^0xFFF)
			le.PutUint32(b[i+4:], one>>12|two<<20)
			i += 6
		}
	}
}

func TestRISCV(t *testing.T) {
	data := opcodes(200_000)
	rnd := rand.New(rand.NewSource(6))
	for i := 0; i+8 < len(data); i += 40 { // real pairs, and what looks like converted ones
		rd := rnd.Uint32() & 31
		binary.LittleEndian.PutUint32(data[i:], 0x17|rd<<7|rnd.Uint32()<<12)
		binary.LittleEndian.PutUint32(data[i+4:], 3|rd<<15|rnd.Uint32()&^0xF8003)
		if i%80 == 0 {
			binary.LittleEndian.PutUint32(data[i:], 0x3117|rnd.Uint32()<<14)
		}
	}
	b := bytes.Clone(data)
	encodeRISCV(b, 0x2000)
	changed := 0
	for i := range b {
		if b[i] != data[i] {
			changed++
		}
	}
	f, _ := bcj.New(bcj.RISCV, 0x2000)
	f.Undo(b)
	if changed < 10_000 || !bytes.Equal(b, data) {
		t.Errorf("%d bytes converted; equal after undoing: %v", changed, bytes.Equal(b, data))
	}
}

func TestDelta(t *testing.T) {
	for _, dist := range []int{1, 3, 256} {
		data := opcodes(1000)
		b := bytes.Clone(data)
		for i := len(b) - 1; i >= dist; i-- {
			b[i] -= b[i-dist]
		}
		f, err := bcj.NewDelta(dist)
		if err != nil {
			t.Fatal(err)
		}
		f.Undo(b[:333])
		f.Undo(b[333:])
		if !bytes.Equal(b, data) {
			t.Errorf("distance %d differs", dist)
		}
	}
	if _, err := bcj.NewDelta(257); err == nil {
		t.Error("distance 257 taken")
	}
}

func Benchmark(b *testing.B) {
	data := opcodes(1 << 20)
	for _, id := range all {
		b.Run(map[bcj.ID]string{4: "x86", 5: "powerpc", 6: "ia64", 7: "arm", 8: "armthumb", 9: "sparc", 10: "arm64", 11: "riscv"}[id], func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				f, _ := bcj.New(id, 0)
				f.Undo(data)
			}
		})
	}
}
