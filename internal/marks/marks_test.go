package marks

import (
	"reflect"
	"slices"
	"testing"
)

func TestSorted(t *testing.T) {
	var l List
	for _, r := range []Run{{40, 10, "inode"}, {50, 10, "inode"}, {0, 8, "header"}, {30, 15, "inode"}, {8, 4, "table"}, {95, 20, "table"}, {-1, 5, "header"}, {200, 1, "header"}, {20, 0, "header"}} {
		l.Add(r.Off, r.Len, 100, r.Is)
	}
	want := []Run{{0, 8, "header"}, {8, 4, "table"}, {30, 30, "inode"}, {95, 5, "table"}}
	if got := slices.Collect(l.Sorted()); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
