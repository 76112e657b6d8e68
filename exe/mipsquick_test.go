package exe

import (
	"slices"
	"testing"
)

// TestLandingPads finds calls where exceptions lead to, in code as clang makes
// it: a register holds gp over calls, and which one only the call tells.
func TestLandingPads(t *testing.T) {
	const call, back = 0x0320f809, 0x03e00008 // jalr t9, jr ra
	words := []uint32{
		0x3c1c0001, 0x279c0000, 0x0399e021, // lui gp,1; addiu gp,gp,0; addu gp,gp,t9
		0x27bdffe0, 0x03808025, // addiu sp,sp,-32; move s0,gp
		0x8e198010, call, 0x0200e025, // 5: lw t9,-32752(s0); jalr; move gp,s0
		back, 0x27bd0020,
		0x00808825, 0x8eb98010, call, 0x02a0e025, // 10: move s1,a0; lw t9,-32752(s5); jalr; move gp,s5
		0x02a0e025, 0x8eb98010, call, 0, // 14: move gp,s5; lw t9,-32752(s5); jalr
		0x1000ffff, 0, // 18: b .
		0x8e198010, call, 0, // 20: lw t9,-32752(s0); jalr
		0x8ed98010, call, 0, // 23: lw t9,-32752(s6), of which nothing is known
		0x02c03025, 0x02e0e025, // move a2,s6; move gp,s7
	}
	c := &counter{f: &File{Class: 32}, slots: newPlaces(), stubs: newPlaces()}
	c.slots.add(0x10000-0x7ff0, 0)
	f := &flow{c: c, load: 35, gp: 0x10000}
	if err := f.run(&window{}, words, 0, len(words)); err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for _, l := range c.list {
		got = append(got, l.Addr/4)
	}
	if want := []uint64{6, 12, 16, 21}; !slices.Equal(got, want) {
		t.Errorf("calls at words %v, want %v", got, want)
	}
}
