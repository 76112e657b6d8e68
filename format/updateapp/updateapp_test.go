package updateapp

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestCRC16 holds the check value of CRC-16/X-25 and the sliced table against
// the definition, bit by bit.
func TestCRC16(t *testing.T) {
	if got := crc16([]byte("123456789")); got != 0x906E {
		t.Errorf("check value %04x", got)
	}
	p := make([]byte, 61)
	for i := range p {
		p[i] = byte(i * 37)
	}
	for n := range p {
		c := uint16(0xFFFF)
		for _, b := range p[:n] {
			c ^= uint16(b)
			for range 8 {
				c = c>>1 ^ 0x8408*(c&1)
			}
		}
		if got := crc16(p[:n]); got != ^c {
			t.Errorf("%d bytes: %04x, want %04x", n, got, ^c)
		}
	}
}

func add(b []byte, kind string, data []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	h := make([]byte, headerLen)
	copy(h, magic)
	le := binary.LittleEndian
	le.PutUint32(h[8:], 1)
	copy(h[12:], "EX1")
	le.PutUint32(h[24:], uint32(len(data)))
	copy(h[28:], "2026.05.17")
	copy(h[44:], "10.00.00")
	copy(h[60:], kind)
	le.PutUint16(h[94:], 4096)
	var table []byte
	for p := data; len(p) > 0; p = p[min(4096, len(p)):] {
		table = le.AppendUint16(table, crc16(p[:min(4096, len(p))]))
	}
	le.PutUint32(h[4:], uint32(headerLen+len(table)))
	le.PutUint16(h[92:], crc16(h))
	return append(append(append(b, h...), table...), data...)
}

func TestRoundTrip(t *testing.T) {
	big := bytes.Repeat([]byte("a system image\n"), 9<<10)
	b := add(add(add(make([]byte, lead), "SHA256RSA", []byte("signature")), "SYSTEM", big), "CRC", []byte{1, 2, 3})
	res := testkit.Run(Format, append(b[:len(b):len(b)], "behind"...), 1<<20)
	if res.Err != nil || res.End != int64(len(b)) || res.Claim.Confidence != wardein.Certain || len(res.Gaps) != 0 || len(res.Members) != 3 {
		t.Fatal(res)
	}
	if !bytes.Equal(res.Find("SYSTEM").Data, big) {
		t.Error("SYSTEM differs")
	}
	b[len(b)-100] ^= 1 // the last block of SYSTEM is not touched, CRC's entry header is
	b[2000] ^= 1
	res = testkit.Run(Format, b, 1<<20)
	if len(res.Gaps) == 0 {
		t.Error("damage is not told")
	}
}

func BenchmarkExtract(b *testing.B) {
	data := add(make([]byte, lead), "SYSTEM", bytes.Repeat([]byte("0123456789abcdef"), 1<<18))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if res := testkit.Run(Format, data, 64<<20); res.Err != nil {
			b.Fatal(res.Err)
		}
	}
}
