package function

import (
	"math/bits"
	"slices"
)

// keyed is a function with the value of a key.
type keyed struct {
	key uint64
	of  int32
}

func byKey(a, b keyed) int {
	switch {
	case a.key < b.key:
		return -1
	case a.key > b.key:
		return 1
	}
	return int(a.of - b.of)
}

// few is the number below which a list is sorted by comparing.
const few = 256

// sorter sorts lists of hashes, using its memory again.
type sorter struct {
	spare []keyed
	count [3][1 << 11]int32
}

// sort sorts by key, then by function. The list must be in the order of
// functions. Keys are divided by their upper 33 bits (LSD radix sort); what
// those don't tell apart is put in order by comparing: hashes are too many for
// that to be much, whoever made the program.
func (s *sorter) sort(list []keyed) {
	if len(list) < few {
		slices.SortFunc(list, byKey)
		return
	}
	clear(s.count[:])
	for i := range list {
		k := list[i].key
		s.count[0][k>>31&0x7ff]++
		s.count[1][k>>42&0x7ff]++
		s.count[2][k>>53]++
	}
	s.spare = slices.Grow(s.spare[:0], len(list))[:len(list)]
	from, to := list, s.spare
	for k := range s.count {
		at := &s.count[k]
		sum := int32(0)
		for v := range at {
			sum, at[v] = sum+at[v], sum
		}
		shift := 31 + 11*k
		for i := range from {
			v := from[i].key >> shift & 0x7ff
			to[at[v]] = from[i]
			at[v]++
		}
		from, to = to, from
	}
	copy(list, from)
	for i := 1; i < len(list); i++ {
		if byKey(list[i-1], list[i]) <= 0 {
			continue
		}
		n := i + 1
		for n < len(list) && list[n].key>>31 == list[i].key>>31 {
			n++
		}
		from := i
		for from > 0 && list[from-1].key>>31 == list[i].key>>31 {
			from--
		}
		slices.SortFunc(list[from:n], byKey)
		i = n - 1
	}
}

// once finds the values that occur once in each of two lists.
type once struct {
	slots []slot
}

// slot is a value of the first list, and where it is in each, from 1 on: 0 for
// nowhere, −1 for several places.
type slot struct {
	value uint64
	at    [2]int32
}

// find is the slot of a value, or the free one where it belongs.
func (o *once) find(v uint64) *slot {
	h, _ := bits.Mul64(v^salt, salt2)
	for {
		s := &o.slots[h&uint64(len(o.slots)-1)]
		if s.at[0] == 0 || s.value == v {
			return s
		}
		h++
	}
}

// places appends the places of values that occur once in each, in the order of
// the first list.
func (o *once) places(a, b []uint64, list [][2]int) [][2]int {
	n := 1 << bits.Len(uint(2*len(a)))
	o.slots = slices.Grow(o.slots[:0], n)[:n]
	clear(o.slots)
	const several = -1
	put := func(at *int32, i int) {
		if *at == 0 {
			*at = int32(i) + 1
		} else {
			*at = several
		}
	}
	for i, v := range a {
		s := o.find(v)
		s.value = v
		put(&s.at[0], i)
	}
	for i, v := range b {
		if s := o.find(v); s.at[0] != 0 {
			put(&s.at[1], i)
		}
	}
	for i, v := range a {
		if s := o.find(v); s.at[0] == int32(i)+1 && s.at[1] > 0 {
			list = append(list, [2]int{i, int(s.at[1]) - 1})
		}
	}
	return list
}
