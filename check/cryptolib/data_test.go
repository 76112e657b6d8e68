package cryptolib

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"math"
	"math/big"
	"strings"
	"testing"
)

// Every version text hits with its version, and what must not hit does not.
func TestVersions(t *testing.T) {
	for _, v := range known().versions {
		if len(v.Yes) < 2 || len(v.No) < 1 {
			t.Errorf("%s: %q has %d texts that must hit and %d that must not", v.library.Name, v.Literal, len(v.Yes), len(v.No))
		}
		for _, yes := range v.Yes {
			if m := v.compiled.FindStringSubmatch(yes[1]); m == nil || m[1] != yes[0] || !strings.Contains(yes[1], v.Literal) {
				t.Errorf("%s: %q gives %q", v.library.Name, yes[1], m)
			}
		}
		for _, no := range v.No {
			if m := v.compiled.FindStringSubmatch(no); m != nil {
				t.Errorf("%s: %q is taken for %s", v.library.Name, no, m[1])
			}
		}
	}
}

// Every measured library can be told, and no release is without names.
func TestSets(t *testing.T) {
	for _, l := range known().libraries {
		if (len(l.releases) == 0) != (l.Like != "") {
			t.Errorf("%s: %d releases, like %q", l.Name, len(l.releases), l.Like)
		}
		for _, r := range l.releases {
			if r.exports < 10 {
				t.Errorf("%s %s: %d names", l.Name, r.version, r.exports)
			}
			if n := r.texts; n > 0 && n < leastSet {
				t.Errorf("%s %s: %d texts, fewer than %d mean nothing", l.Name, r.version, n, leastSet)
			}
		}
	}
	for text := range known().texts {
		if len(text) < minText || len(text) > maxText || string(trimPath([]byte(text))) != text {
			t.Errorf("text %q can't be found", text)
		}
	}
}

func TestEnds(t *testing.T) {
	for _, c := range []struct{ library, version, date string }{
		{"openssl", "0.9.6", "2015-12-31"}, {"openssl", "0.9.8zh", "2015-12-31"}, {"openssl", "1.0.1", "2016-12-31"}, {"openssl", "1.0.2k", "2019-12-31"},
		{"openssl", "1.1.0l", "2019-09-11"}, {"openssl", "1.1.1w", "2023-09-11"}, {"openssl", "3.0.20", "2026-09-07"}, {"openssl", "3.5.7", ""},
		{"openssl", "3.4.1", "2026-10-31"},
		{"mbedtls", "2.28.3", "2025-03-31"}, {"mbedtls", "3.6.6", "2027-03-31"}, {"botan", "2.19.3", "2024-12-31"}, {"libgcrypt", "1.5.4", "2016-12-31"}, {"libgcrypt", "1.10.1", ""},
	} {
		if e, _ := known().library(c.library).ended(c.version); e.Date != c.date {
			t.Errorf("%s %s: end %q, want %q", c.library, c.version, e.Date, c.date)
		}
	}
}

// Tables that have a definition are computed from it.
func TestTables(t *testing.T) {
	computed := map[string][]byte{}
	put := func(name string, bits int, words ...uint64) {
		for _, w := range words {
			switch bits {
			case 8:
				computed[name] = append(computed[name], byte(w))
			case 32:
				computed[name] = binary.BigEndian.AppendUint32(computed[name], uint32(w))
			case 64:
				computed[name] = binary.BigEndian.AppendUint64(computed[name], w)
			}
		}
	}
	box, inverse := sboxes()
	double := func(b byte) byte { return b<<1 ^ b>>7*0x1b }
	for i := range 16 {
		put("AES S-box", 8, uint64(box[i]))
		put("AES inverse S-box", 8, uint64(inverse[i]))
	}
	for i := range 4 {
		s := box[i]
		e := uint64(double(s))<<24 | uint64(s)<<16 | uint64(s)<<8 | uint64(double(s)^s)
		put("AES encryption T-table", 32, e)
		s = inverse[i]
		two, four, eight := double(s), double(double(s)), double(double(double(s)))
		put("AES decryption T-table", 32, uint64(eight^four^two)<<24|uint64(eight^s)<<16|uint64(eight^four^s)<<8|uint64(eight^two^s))
	}
	for _, p := range []uint64{2, 3, 5, 7} {
		put("SHA-256 round constants", 32, root(p, 3)>>32)
		put("SHA-256 initial value", 32, root(p, 2)>>32)
	}
	put("SHA-512 round constants", 64, root(2, 3), root(3, 3))
	put("SHA-512 initial value", 64, root(2, 2), root(3, 2))
	for i := range 4 {
		put("MD5 sine table", 32, uint64(math.Abs(math.Sin(float64(i+1)))*(1<<32)))
		put("CRC-32 table", 32, uint64(crc32.IEEETable[i+1]))
		put("CRC-32C table", 32, uint64(crc32.MakeTable(crc32.Castagnoli)[i+1]))
	}
	computed["ChaCha20 or Salsa20 sigma"] = []byte("expand 32-byte k")
	// d = -121665/121666 modulo 2^255-19.
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	d.Mul(d, big.NewInt(-121665)).Mod(d, p)
	be := d.FillBytes(make([]byte, 32))
	for i := range 16 {
		put("Ed25519 d", 8, uint64(be[31-i]))
	}
	for i := range 2 {
		put("Ed25519 d, 16 bits a word, as TweetNaCl has it", 64, uint64(be[30-2*i])<<8|uint64(be[31-2*i]))
	}
	checked := 0
	for _, c := range known().constants {
		want := computed[c.Algorithm+" "+c.Name]
		if want == nil {
			continue
		}
		checked++
		if got := c.Bytes; got != hex.EncodeToString(want) {
			t.Errorf("%s %s: %s, computed %x", c.Algorithm, c.Name, got, want)
		}
	}
	if checked < len(computed) {
		t.Errorf("%d tables compared, %d computed", checked, len(computed))
	}
}

// root is the fraction of the k-th root of n as 64 bits.
func root(n uint64, k int) uint64 {
	f := new(big.Int).Lsh(new(big.Int).SetUint64(n), uint(64*k))
	low, high := new(big.Int), new(big.Int).Lsh(big.NewInt(1), 70)
	for new(big.Int).Sub(high, low).Cmp(big.NewInt(1)) > 0 {
		mid := new(big.Int).Rsh(new(big.Int).Add(low, high), 1)
		if new(big.Int).Exp(mid, big.NewInt(int64(k)), nil).Cmp(f) <= 0 {
			low = mid
		} else {
			high = mid
		}
	}
	return low.Uint64()
}

// sboxes are AES's, from FIPS 197, 5.1.1.
func sboxes() (box, inverse [256]byte) {
	p, q := byte(1), byte(1)
	for {
		p ^= p<<1 ^ p>>7*0x1b
		q ^= q << 1
		q ^= q << 2
		q ^= q << 4
		q ^= q >> 7 * 0x09
		turn := func(n int) byte { return q<<n | q>>(8-n) }
		box[p] = q ^ turn(1) ^ turn(2) ^ turn(3) ^ turn(4) ^ 0x63
		if p == 1 {
			break
		}
	}
	box[0] = 0x63
	for i, b := range box {
		inverse[b] = byte(i)
	}
	return box, inverse
}
