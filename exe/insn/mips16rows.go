package insn

import "sync"

// What the decoder does with a row of MIPS16e beside mipsPlain and mipsStop:
// registers of eight are rx in bits 8 to 10, ry in 5 to 7, rz in 2 to 4.
const (
	m16Rx uint8 = iota + mipsStop + 1
	m16Ry
	m16Rz
	m16Li
	m16Shift
	m16Add8
	m16Add4
	m16AddPC
	m16Sum
	m16LoadPC
	m16Below // SLTIU
	m16Load
	m16Store
	m16Move
	m16MoveBack
	m16Branch
	m16BranchAlways
	m16Call
	m16Jump
)

// mips16Table is MIPS16e by MIPS Architecture for Programmers, Volume IV-a.
// Bits are an instruction's sixteen, or the first of JAL.
var mips16Table = sync.OnceValue(func() *table {
	var rows []row
	add := func(kind uint8, bits, names string) { rows = append(rows, rowsOf(kind, bits, names)...) }
	add(m16Rx, "00000", "addiu")
	add(m16AddPC, "00001", "addiu")
	add(m16BranchAlways, "00010", "b")
	add(m16Call, "00011*", "jal jalx")
	add(m16Branch, "0010*", "beqz bnez")
	add(m16Shift, "00110.........00", "sll")
	add(m16Rx, "00110.........**", "- - srl sra")
	add(m16Ry, "00111", "ld")
	add(m16Add4, "01000......0", "addiu")
	add(m16Ry, "01000......1", "daddiu")
	add(m16Add8, "01001", "addiu")
	add(mipsPlain, "01010", "slti")
	add(m16Below, "01011", "sltiu")
	add(m16Branch, "0110000*", "bteqz btnez")
	add(mipsPlain, "01100010", "sw")
	add(mipsPlain, "01100011", "addiu")
	add(mipsPlain, "01100100*", "restore save")
	add(mipsPlain, "0110010100000000", "nop")
	add(m16MoveBack, "01100101", "move")
	add(m16Move, "01100111", "move")
	add(m16Li, "01101", "li")
	add(mipsPlain, "01110", "cmpi")
	add(m16Store, "01111", "sd")
	add(m16Load, "100**", "lb lh - lw")
	add(m16Rx, "10010", "lw")
	add(m16Load, "101**", "lbu lhu - lwu")
	add(m16LoadPC, "10110", "lw")
	add(m16Store, "110**", "sb sh - sw")
	add(mipsPlain, "11010", "sw")
	add(m16Sum, "11100.........01", "addu")
	add(m16Rz, "11100.........**", "daddu addu dsubu subu")
	add(m16Jump, "11101...***00000", "jr jr jalr - jrc jrc jalrc")
	add(mipsPlain, "11101......00001", "sdbbp")
	add(mipsPlain, "11101......0001*", "slt sltu")
	add(m16Ry, "11101......001**", "sllv - srlv srav")
	add(mipsStop, "11101......00101", "break")
	add(mipsPlain, "11101......01010", "cmp")
	add(m16Rx, "11101......01***", "- - - neg and or xor not")
	add(m16Rx, "11101......100*0", "mfhi mflo")
	add(m16Rx, "11101...***10001", "zeb zeh zew - seb seh sew")
	add(mipsPlain, "11101......11***", "mult multu div divu dmult dmultu ddiv ddivu")
	add(m16Ry, "11101......10***", "- - - dsll - dsrlv - dsrav")
	add(mipsPlain, "11111", "ld")
	return newTable(rows, 16, group{15, 8, 4}, group{3, 0, 0})
})
