// Package insn decodes machine instructions as far as comparing code needs
// them: how long each is, what it does in a form in which two instructions can
// be compared, where it leads, and which address it forms or reads. It knows no
// file and prints no assembly.
//
// Code that was built twice differs in its addresses, and instructions hold
// them in many ways: relative to the next instruction, in two halves, as a
// distance from a register that holds a table's address. The decoders resolve
// all of these within a function, so that what is left to compare is Inst.Word,
// and what Inst.To and Inst.Ref point at.
package insn

import "encoding/binary"

// Set is an instruction set.
type Set uint8

// The sets that are decoded.
const (
	None Set = iota
	X86
	X8664
	ARM // A32
	Thumb
	AArch64
	MIPS
	MIPS64
	MIPS16
	PPC
	PPC64
)

// Flow says where an instruction leads.
type Flow uint8

// The ways on. A conditional return is a Branch without a target.
const (
	Next         Flow = iota
	Jump              // always
	Branch            // perhaps
	Call              // and comes back
	Return            //
	IndirectJump      // to what a register or a word of memory holds
	IndirectCall      //
	Stop              // nothing follows: a trap, undefined on purpose
	Data              // no instruction: a literal, a table, alignment between them
	Bad               // bytes that are no instruction of the set
)

// Inst is one instruction, or a run of bytes in code that is none.
type Inst struct {
	Addr uint64
	Len  uint32
	Flow Flow
	// Op is the operation without operands, see Code.Name. Instructions of one
	// mnemonic and form have one Op, whatever registers and constants they have.
	Op uint16
	// Word is the operation with its registers and constants, without the parts
	// that hold To or Ref, which are zero in it. Two instructions of one Set do
	// the same if Word is equal, and To and Ref point at the same things.
	Word uint64
	// To is where a Jump, Branch or Call leads, also where a register holds
	// it and the instructions before tell what that is; 0 where it is not known.
	// Of an instruction of x86 with two addresses it is that which is a constant.
	To uint64
	// Ref is the address that the instruction forms or reads, alone or with
	// those before it; 0 for none.
	Ref uint64
}

// Code is what decoders must know of the program that instructions are of.
type Code struct {
	Set Set
	// Order is the byte order of data, and of instructions but for ARM, whose
	// instructions are in little-endian order unless Swapped (BE-32).
	Order   binary.ByteOrder
	Swapped bool
	// Base is what position-independent code counts from, by the rules of the
	// processor: the address that a register holds when a function begins (gp
	// of MIPS, r2 of 64-bit PowerPC), or that functions load into it (EBX of
	// i386, r30 of 32-bit PowerPC). 0 where it is not known.
	Base uint64
	// Read returns the number of n bytes (1, 2, 4, 8) that memory has at an address
	// when the file is loaded: literals, jump tables, slots of the global offset
	// table, 0 for what is zero at first. ok is false where the program has no
	// memory. It may be nil.
	Read func(addr uint64, n int) (v uint64, ok bool)
}

// Decode appends the instructions of one function to list. The first byte of
// code is at addr; what registers hold is followed from there to its end.
// Every byte of code is in exactly one Inst, in order.
func (c *Code) Decode(code []byte, addr uint64, list []Inst) []Inst {
	if len(code) == 0 {
		return list
	}
	switch c.Set {
	case X86, X8664:
		return c.decodeX86(code, addr, list)
	case PPC, PPC64:
		return c.decodePPC(code, addr, list)
	case AArch64:
		return c.decodeAArch64(code, addr, list)
	case ARM:
		return c.decodeARM(code, addr, list)
	case Thumb:
		return c.decodeThumb(code, addr, list)
	case MIPS, MIPS64:
		return c.decodeMIPS(code, addr, list)
	case MIPS16:
		return c.decodeMIPS16(code, addr, list)
	}
	return appendData(list, addr, len(code))
}

// Name returns the mnemonic of an Inst.Op, "" for a number that no instruction
// of the set has. Runs of Data and Bad bytes have the number 0.
func (c *Code) Name(op uint16) string {
	switch c.Set {
	case X86, X8664:
		return nameX86(op)
	case PPC, PPC64:
		return namePPC(op)
	case AArch64:
		return aarch64Table().name(op)
	case ARM:
		return armTable().name(op)
	case Thumb:
		return thumbTable().name(op)
	case MIPS:
		return mipsTable().name(op)
	case MIPS64:
		return mips64Table().name(op)
	case MIPS16:
		return mips16Table().name(op)
	}
	return ""
}

// appendData appends n bytes that are no instructions, as one Inst, or as
// several where its length holds no more.
func appendData(list []Inst, addr uint64, n int) []Inst {
	const most = 1 << 31
	for ; n > most; n -= most {
		list = append(list, Inst{Addr: addr, Len: most, Flow: Data})
		addr += most
	}
	return append(list, Inst{Addr: addr, Len: uint32(n), Flow: Data})
}
