package insn

import (
	"strings"
	"sync"
)

// An opcode's entry says what follows it and what it does.
const (
	x86Mnemonic = 1<<12 - 1 // index of its name; 0 is no instruction
	x86Group    = 1 << 12   // the middle of ModRM says which: x86Mnemonic is the group's index
	x86ModRM    = 1 << 13
	x86Store    = 1 << 14 // the operand that ModRM's last field names is the one written
	x86Reads    = 1 << 15 // writes no general register, but for a stack pointer
	x86Address  = 1 << 16 // its immediate may be an address
	x86Not64    = 1 << 17
	x86Direct   = 1 << 18 // both fields of ModRM are registers, whatever its first says
	x86Special  = 1 << 19 // x86.special has more to say of it

	x86FlowShift  = 20 // Flow, 4 bits
	x86ImmShift   = 24 // x86Imm…, 4 bits
	x86KindShift  = 28 // x86Kind…, 4 bits
	x86PrefixMask = 1<<13 - 1
)

// Immediates.
const (
	x86ImmNone = iota
	x86ImmB    // 1 byte
	x86ImmW    // 2
	x86ImmE    // 3, of ENTER
	x86ImmZ    // 4, or 2 behind 66
	x86ImmV    // as Z, but 8 with REX.W
	x86ImmP    // a far pointer
	x86ImmQ    // an address
	x86Rel8
	x86RelZ
)

// x86Sizes are the lengths of immediates by width of code, kind, prefix 66 and
// REX.W.
var x86Sizes = [2][16 * 4]uint8{
	{x86ImmB << 2: 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 2, 2, 4, 4, 2, 2, 6, 6, 4, 4, x86Rel8 << 2: 1, 1, 1, 1, 4, 4, 2, 2},
	{x86ImmB << 2: 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 2, 4, 4, 8, 2, 8, x86Rel8 << 2: 1, 1, 1, 1, 4, 4, 4, 4},
}

// Bytes that begin an instruction and are no opcode.
const (
	x86KindPrefix = iota + 1 // the prefix's bit of the head is in x86PrefixMask
	x86KindREX
	x86Kind0F
	x86Kind38
	x86Kind3A
	x86KindVEX2
	x86KindVEX3
	x86KindEVEX
	x86KindXOP // POP, or the prefix of AMD's instructions
)

// Prefixes, in the order of their bits in a head.
const (
	x86Lock = 1 << iota
	x86F2
	x86F3
	x8666
	x8667
	x86ES
	x86CS
	x86SS
	x86DS
	x86FS
	x86GS
	x86REX
	x86W
)

// The opcode maps (Intel SDM volume 2, appendix A). A word is an opcode: its
// name, or up to four for no prefix, 66, F3 and F2; behind / what follows it and
// what it does, by the letters of x86Letters. = is a group, - none, * and a
// number repeat a word.
const (
	x86One = `
add/ms add/ms add/m add/m add/b add/zA push/nx pop/x or/ms or/ms or/m or/m or/b or/z push/nx -
adc/ms adc/ms adc/m adc/m adc/b adc/z push/nx pop/x sbb/ms sbb/ms sbb/m sbb/m sbb/b sbb/z push/nx pop/x
and/ms and/ms and/m and/m and/b and/z - daa/x sub/ms sub/ms sub/m sub/m sub/b sub/zA - das/x
xor/ms xor/ms xor/m xor/m xor/b xor/z - aaa/x cmp/mns cmp/mns cmp/mn cmp/mn cmp/bn cmp/znA - aas/x
inc/x*8 dec/x*8
push/n*8 pop*8
pusha/nx popa/x bound/mnx arpl/msx - - - - push/znA imul/mz push/bn imul/mb ins*2 outs*2
jo/rf jno/rf jb/rf jae/rf je/rf jne/rf jbe/rf ja/rf js/rf jns/rf jp/rf jnp/rf jl/rf jge/rf jle/rf jg/rf
=1/mb =1z/mz =1/mbx =1/mb test/mns test/mns xchg/ms xchg/ms mov/ms mov/ms mov/m mov/m mov/ms lea/m mov/mn pop/ms
nop/n xchg*7 cwde cdq call/pxc fwait/n pushf/n popf/n sahf/n lahf
mov/q*2 mov/qns*2 movs*2 cmps*2 test/bn test/zn stos*2 lods*2 scas*2
mov/b*8 mov/vA*8
=2/mb =2/mb ret/wnt ret/nt les/mx lds/mx =11/mb =11z/mz enter/e leave lret/wnt lret/nt int3/no int/b into/nx iret/nt
=2/m*4 aam/bx aad/bx salc/x xlat =d8/m =d9/m =da/m =db/m =dc/m =dd/m =de/m =df/m
loopne/rf loope/rf loop/rf jcxz/rf in/b*2 out/bn*2 call/Rc jmp/Rj jmp/pxj jmp/rj in*2 out/n*2
- int1/n - - hlt/no cmc/n =3/m =3z/m clc/n stc/n cli/n sti/n cld/n std/n =4/m =5/m`

	x86Two = `
=6/m =7/m lar/m lsl/m - syscall clts/n sysret/nt invd/n wbinvd/n - ud2/no - prefetchw/mn femms/n 3dnow/mbn
movups|movupd|movss|movsd/m movups|movupd|movss|movsd/ms movlps|movlpd|movsldup|movddup/m movlps|movlpd/ms unpcklps|unpcklpd/m unpckhps|unpckhpd/m movhps|movhpd|movshdup/m movhps|movhpd/ms =16/mn nop/mn bndldx/mn bndstx/mn nop/mn*4
mov/ms+ mov/m+ mov/ms+ mov/m+ - - - - movaps|movapd/m movaps|movapd/ms cvtpi2ps|cvtpi2pd|cvtsi2ss|cvtsi2sd/mn movntps|movntpd/ms cvttps2pi|cvttpd2pi|cvttss2si|cvttsd2si/m cvtps2pi|cvtpd2pi|cvtss2si|cvtsd2si/m ucomiss|ucomisd/mn comiss|comisd/mn
wrmsr rdtsc rdmsr rdpmc sysenter sysexit/nt - getsec - - - - - - - -
cmovo/m cmovno/m cmovb/m cmovae/m cmove/m cmovne/m cmovbe/m cmova/m cmovs/m cmovns/m cmovp/m cmovnp/m cmovl/m cmovge/m cmovle/m cmovg/m
movmskps|movmskpd/m sqrtps|sqrtpd|sqrtss|sqrtsd/mn rsqrtps||rsqrtss/mn rcpps||rcpss/mn andps|andpd/mn andnps|andnpd/mn orps|orpd/mn xorps|xorpd/mn addps|addpd|addss|addsd/mn mulps|mulpd|mulss|mulsd/mn cvtps2pd|cvtpd2ps|cvtss2sd|cvtsd2ss/mn cvtdq2ps|cvtps2dq|cvttps2dq/mn subps|subpd|subss|subsd/mn minps|minpd|minss|minsd/mn divps|divpd|divss|divsd/mn maxps|maxpd|maxss|maxsd/mn
punpcklbw/mn punpcklwd/mn punpckldq/mn packsswb/mn pcmpgtb/mn pcmpgtw/mn pcmpgtd/mn packuswb/mn punpckhbw/mn punpckhwd/mn punpckhdq/mn packssdw/mn punpcklqdq/mn punpckhqdq/mn movd/mn movq|movdqa|movdqu/mn
pshufw|pshufd|pshufhw|pshuflw/mbn =12/mbn =13/mbn =14/mbn pcmpeqb/mn pcmpeqw/mn pcmpeqd/mn emms/n vmread/ms vmwrite/m - - haddps|haddpd||haddps/mn hsubps|hsubpd||hsubps/mn movd|movd|movq/ms movq|movdqa|movdqu/mns
jo/Rf jno/Rf jb/Rf jae/Rf je/Rf jne/Rf jbe/Rf ja/Rf js/Rf jns/Rf jp/Rf jnp/Rf jl/Rf jge/Rf jle/Rf jg/Rf
seto/ms setno/ms setb/ms setae/ms sete/ms setne/ms setbe/ms seta/ms sets/ms setns/ms setp/ms setnp/ms setl/ms setge/ms setle/ms setg/ms
push/n pop cpuid bt/mns shld/mbs shld/ms - - push/n pop rsm/nt bts/ms shrd/mbs shrd/ms =15/m imul/m
cmpxchg/ms*2 lss/m btr/ms lfs/m lgs/m movzx/m*2 popcnt/m ud1/mno =8/mb btc/ms bsf|bsf|tzcnt/m bsr|bsr|lzcnt/m movsx/m*2
xadd/ms*2 cmpps|cmppd|cmpss|cmpsd/mbn movnti/ms pinsrw/mbn pextrw/mb shufps|shufpd/mbn =9/m bswap*8
addsubps|addsubpd||addsubps/mn psrlw/mn psrld/mn psrlq/mn paddq/mn pmullw/mn movq|movq|movq2dq|movdq2q/mns pmovmskb/m psubusb/mn psubusw/mn pminub/mn pand/mn paddusb/mn paddusw/mn pmaxub/mn pandn/mn
pavgb/mn psraw/mn psrad/mn pavgw/mn pmulhuw/mn pmulhw/mn cvttpd2dq|cvttpd2dq|cvtdq2pd|cvtpd2dq/mn movntq|movntdq/mns psubsb/mn psubsw/mn pminsw/mn por/mn paddsb/mn paddsw/mn pmaxsw/mn pxor/mn
lddqu/mn psllw/mn pslld/mn psllq/mn pmuludq/mn pmaddwd/mn psadbw/mn maskmovq|maskmovdqu/mn psubb/mn psubw/mn psubd/mn psubq/mn paddb/mn paddw/mn paddd/mn ud0/mno`

	// The maps behind 0F 38 and 0F 3A, of which all have ModRM, and the latter an
	// immediate of a byte: where a name begins, and the names.
	x86Three = `
00 pshufb phaddw phaddd phaddsw pmaddubsw phsubw phsubd phsubsw psignb psignw psignd pmulhrsw permilps permilpd testps testpd
10 pblendvb . . cvtph2ps blendvps blendvpd permps ptest broadcastss broadcastsd broadcastf128 . pabsb pabsw pabsd pabsq
20 pmovsxbw pmovsxbd pmovsxbq pmovsxwd pmovsxwq pmovsxdq . . pmuldq pcmpeqq movntdqa packusdw maskmovps maskmovpd maskmovps maskmovpd
30 pmovzxbw pmovzxbd pmovzxbq pmovzxwd pmovzxwq pmovzxdq permd pcmpgtq pminsb pminsd pminuw pminud pmaxsb pmaxsd pmaxuw pmaxud
40 pmulld phminposuw getexpp getexps plzcnt psrlv psrav psllv
4c rcp14p rcp14s rsqrt14p rsqrt14s pdpbusd pdpbusds pdpwssd pdpwssds popcntb popcntd
58 pbroadcastd pbroadcastq broadcasti128 broadcasti64x4
64 pblendm blendmp pblendmb
75 permi2b permi2d permi2ps permi2pd pbroadcastb pbroadcastw pbroadcastb pbroadcastw pbroadcastd permt2b permt2d permt2ps
8c pmaskmov . pmaskmov . pgatherd pgatherq gatherdp gatherqp
96 fmaddsub132p fmsubadd132p fmadd132p fmadd132s fmsub132p fmsub132s fnmadd132p fnmadd132s fnmsub132p fnmsub132s
a6 fmaddsub213p fmsubadd213p fmadd213p fmadd213s fmsub213p fmsub213s fnmadd213p fnmadd213s fnmsub213p fnmsub213s
b4 pmadd52luq pmadd52huq fmaddsub231p fmsubadd231p fmadd231p fmadd231s fmsub231p fmsub231s fnmadd231p fnmadd231s fnmsub231p fnmsub231s
c8 sha1nexte sha1msg1 sha1msg2 sha256rnds2 sha256msg1 sha256msg2 . gf2p8mulb
db aesimc aesenc aesenclast aesdec aesdeclast
f0 movbe|movbe|movbe|crc32 movbe|movbe|movbe|crc32 andn! . . bzhi!|bzhi!|pext!|pdep! wruss|adcx|adox|mulx! bextr!|shlx!|sarx!|shrx! movdir64b movdiri`
	x86Four = `
00 permq permpd pblendd align permilps permilpd perm2f128 . roundps roundpd roundss roundsd blendps blendpd pblendw palignr
14 pextrb pextrw pextrd extractps insertf128 extractf128 insertf32x8 extractf32x8 . cvtps2ph pcmpu pcmp pinsrb insertps pinsrd shuff32x4
25 pternlog getmantp getmants
38 inserti128 extracti128 inserti32x8 extracti32x8 . . pcmpub pcmpb dpps dppd dbpsadbw|mpsadbw shufi32x4 pclmulqdq . perm2i128
4a blendvps blendvpd pblendvb
60 pcmpestrm pcmpestri pcmpistrm pcmpistri
cc sha1rnds4 . gf2p8affineqb gf2p8affineinvqb
df aeskeygenassist
f0 rorx!`
	// Opcodes of the second map that are others behind VEX: on mask registers.
	x86Masks = `
41 kand! kandn! . knot! kor! kxnor! kxor! . . kadd! kunpck!
90 kmov! kmov! kmov! kmov!
98 kortest! ktest!`

	x86Groups = `
1 add/mb or/mb adc/mb sbb/mb and/mb sub/mb xor/mb cmp/mbn
1z add/mzA or/mz adc/mz sbb/mz and/mz sub/mzA xor/mz cmp/mznA
2 rol/m ror/m rcl/m rcr/m shl/m shr/m shl/m sar/m
3 test/mbn test/mbn not/m neg/m mul/m imul/m div/m idiv/m
3z test/mzn test/mzn not/m neg/m mul/m imul/m div/m idiv/m
4 inc/m dec/m - - - - - -
5 inc/m dec/m call/mC lcall/mC jmp/mnJ ljmp/mnJ push/mn -
6 sldt/m str/m lldt/m ltr/m verr/m verw/m - -
7 sgdt/m sidt/m lgdt/m lidt/m smsw/m rstorssp/m lmsw/m invlpg/m
8 - - - - bt/mbn bts/mb btr/mb btc/mb
9 - cmpxchg8b/m - xrstors/m xsavec/m xsaves/m rdrand/m rdseed/m
11 mov/mb - - - - - - xabort/mbn
11z mov/mzA - - - - - - xbegin/mRf
12 - - psrlw/mbn - psraw/mbn - psllw/mbn -
13 pror/mbn prol/mbn psrld/mbn - psrad/mbn - pslld/mbn -
14 - - psrlq/mbn psrldq/mbn - - psllq/mbn pslldq/mbn
15 fxsave/m fxrstor/m ldmxcsr/m stmxcsr/m xsave/m lfence/m mfence/m sfence/m
16 prefetchnta/mn prefetcht0/mn prefetcht1/mn prefetcht2/mn nop/mn nop/mn nop/mn nop/mn
17 - blsr!/m blsmsk!/m blsi!/m - - - -
d8 fadd/mn fmul/mn fcom/mn fcomp/mn fsub/mn fsubr/mn fdiv/mn fdivr/mn
d9 fld/mn fxch/mn fst/mn fstp/mn fldenv/mn fldcw/mn fnstenv/mn fnstcw/mn
da fiadd/mn fimul/mn ficom/mn ficomp/mn fisub/mn fisubr/mn fidiv/mn fidivr/mn
db fild/mn fisttp/mn fist/mn fistp/mn fninit/mn fld/mn fcomi/mn fstp/mn
dc fadd/mn fmul/mn fcom/mn fcomp/mn fsub/mn fsubr/mn fdiv/mn fdivr/mn
dd fld/mn fisttp/mn fst/mn fstp/mn frstor/mn fucomp/mn fnsave/mn fnstsw/mn
de fiadd/mn fimul/mn ficom/mn ficomp/mn fisub/mn fisubr/mn fidiv/mn fidivr/mn
df fild/mn fisttp/mn fist/mn fistp/mn fbld/mn fild/mn fbstp/mn fistp/mn
d8r fadd/mn fmul/mn fcom/mn fcomp/mn fsub/mn fsubr/mn fdiv/mn fdivr/mn
d9r fld/mn fxch/mn fnop/mn fstp/mn fchs/mn fld1/mn f2xm1/mn fprem/mn
dar fcmovb/mn fcmove/mn fcmovbe/mn fcmovu/mn - fucompp/mn - -
dbr fcmovnb/mn fcmovne/mn fcmovnbe/mn fcmovnu/mn fninit/mn fucomi/mn fcomi/mn -
dcr fadd/mn fmul/mn fcom/mn fcomp/mn fsubr/mn fsub/mn fdivr/mn fdiv/mn
ddr ffree/mn fxch/mn fst/mn fstp/mn fucom/mn fucomp/mn - -
der faddp/mn fmulp/mn fcomp/mn fcompp/mn fsubrp/mn fsubp/mn fdivrp/mn fdivp/mn
dfr ffreep/mn fxch/mn fstp/mn fstp/mn fnstsw/m fucomip/mn fcomip/mn -
d9x fchs/mn fabs/mn - - ftst/mn fxam/mn - -
d9y fld1/mn fldl2t/mn fldl2e/mn fldpi/mn fldlg2/mn fldln2/mn fldz/mn -
d9z f2xm1/mn fyl2x/mn fptan/mn fpatan/mn fxtract/mn fprem1/mn fdecstp/mn fincstp/mn
d9w fprem/mn fyl2xp1/mn fsqrt/mn fsincos/mn frndint/mn fscale/mn fsin/mn fcos/mn`
)

// x86Letters are what follows the names in the maps.
var x86Letters = map[byte]uint32{
	'm': x86ModRM, 's': x86Store, 'n': x86Reads, 'A': x86Address, 'x': x86Not64, '+': x86Direct,
	'b': x86ImmB << x86ImmShift, 'w': x86ImmW << x86ImmShift, 'e': x86ImmE << x86ImmShift, 'z': x86ImmZ << x86ImmShift, 'v': x86ImmV << x86ImmShift,
	'q': x86ImmQ << x86ImmShift, 'p': x86ImmP << x86ImmShift, 'r': x86Rel8 << x86ImmShift, 'R': x86RelZ << x86ImmShift,
	'j': uint32(Jump) << x86FlowShift, 'f': uint32(Branch) << x86FlowShift, 'c': uint32(Call) << x86FlowShift, 't': uint32(Return) << x86FlowShift,
	'J': uint32(IndirectJump) << x86FlowShift, 'C': uint32(IndirectCall) << x86FlowShift, 'o': uint32(Stop) << x86FlowShift,
}

// x86Maps are the maps, read.
type x86Maps struct {
	names  []string
	index  map[string]uint32
	group  map[string]uint32
	groups [][8]uint32
	first  [2][256]uint32 // by width
	// Maps 1, 2, 3 behind 0F, 0F 38 and 0F 3A by prefix (none, 66, F3, F2);
	// 4, 5 and 6 are theirs behind VEX and EVEX; 7 are maps that only EVEX has.
	rest     [8][4][256]uint32
	nop, end uint32 // names of NOP and ENDBR
	x87      uint32 // first group of the x87's with two registers, d8r
	nops     uint32 // first group of its instructions without operands, d9x
	lea, pop uint32
	xop      uint32
	pause    uint32
	movsxd   uint32
}

var x86Tables = sync.OnceValue(func() *x86Maps {
	t := &x86Maps{names: []string{""}, index: map[string]uint32{}, group: map[string]uint32{}}
	for line := range strings.Lines(x86Groups) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		t.group[f[0]] = uint32(len(t.groups))
		var g [8]uint32
		for i, w := range f[1:] {
			g[i] = t.entry(w)[0]
		}
		t.groups = append(t.groups, g)
	}
	t.x87, t.nops = t.group["d8r"], t.group["d9x"]
	t.xop = t.name("xop")
	t.lea, t.pop = t.name("lea"), t.name("pop")
	t.nop, t.end, t.pause, t.movsxd = t.name("nop"), t.name("endbr"), t.name("pause"), t.name("movsxd")
	for i, e := range t.list(x86One) {
		t.first[0][i], t.first[1][i] = e[0], e[0]
		if e[0]&x86Not64 != 0 {
			t.first[1][i] = 0
		}
	}
	for i, e := range t.list(x86Two) {
		for pp := range e {
			t.rest[1][pp][i] = e[pp]
		}
	}
	for pp := range 4 {
		t.rest[1][pp][0x38] = x86Kind38 << x86KindShift
		t.rest[1][pp][0x3a] = x86Kind3A << x86KindShift
		// Behind F3: a load, where it is a store otherwise.
		t.rest[1][pp][0x7e] &^= x86Store * uint32(pp>>1)
	}
	t.rest[1][2][0x7e] |= x86Reads
	for _, op := range []int{0x89, 0x8d, 0x90} {
		t.first[0][op] |= x86Special
		t.first[1][op] |= x86Special
	}
	t.rest[1][2][0x1e] |= x86Special
	t.sparse(2, x86Three, x86ModRM|x86Reads)
	t.sparse(3, x86Four, x86ModRM|x86Reads|x86ImmB<<x86ImmShift)
	// General registers are written by some.
	for _, op := range []int{0xf0, 0xf1, 0xf2, 0xf3, 0xf5, 0xf6, 0xf7} {
		for pp := range 4 {
			t.rest[2][pp][op] &^= x86Reads
		}
	}
	for pp := range 4 {
		t.rest[2][pp][0xf1] |= x86Store * uint32((3-pp)/3)
		for _, op := range []int{0x14, 0x15, 0x16, 0x17} {
			t.rest[3][pp][op] = t.rest[3][pp][op]&^x86Reads | x86Store
		}
		for _, op := range []int{0x61, 0x63, 0xf0} { // ECX
			t.rest[3][pp][op] &^= x86Reads
		}
		t.rest[2][pp][0xf3] = x86Group | x86ModRM | t.group["17"]
	}
	t.vector()
	t.prefixes()
	t.index = nil
	return t
})

// list reads a dense map.
func (t *x86Maps) list(text string) (out [][4]uint32) {
	for _, w := range strings.Fields(text) {
		n := 1
		if i := strings.IndexByte(w, '*'); i > 0 {
			n, w = int(w[i+1]-'0'), w[:i]
		}
		e := t.entry(w)
		for range n {
			out = append(out, e)
		}
	}
	return out
}

// entry reads one word of a map.
func (t *x86Maps) entry(w string) (e [4]uint32) {
	if w == "-" {
		return e
	}
	names, how, _ := strings.Cut(w, "/")
	bits := uint32(0)
	for i := range len(how) {
		bits |= x86Letters[how[i]]
	}
	if g, ok := strings.CutPrefix(names, "="); ok {
		e[0] = x86Group | t.group[g] | bits
		return [4]uint32{e[0], e[0], e[0], e[0]}
	}
	list := strings.Split(names, "|")
	for i := range e {
		n := list[0]
		if i < len(list) && list[i] != "" {
			n = list[i]
		}
		e[i] = t.name(n) | bits
	}
	return e
}

func (t *x86Maps) name(n string) uint32 {
	i, ok := t.index[n]
	if !ok {
		i = uint32(len(t.names))
		t.index[n] = i
		t.names = append(t.names, n)
	}
	return i
}

// sparse reads a map of which not all opcodes have names.
func (t *x86Maps) sparse(m int, text string, bits uint32) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		at := 0
		for _, d := range f[0] {
			at = at<<4 | strings.IndexRune("0123456789abcdef", d)
		}
		for i, w := range f[1:] {
			if w == "." {
				continue
			}
			e := t.entry(w)
			for pp := range 4 {
				t.rest[m][pp][at+i] = e[pp] | bits
			}
		}
	}
	if m != 4 {
		// The others are taken for instructions too, so that new ones do no harm.
		other := t.name([]string{2: "0f38", 3: "0f3a"}[m])
		for pp := range 4 {
			for i := range 256 {
				if t.rest[m][pp][i] == 0 {
					t.rest[m][pp][i] = other | bits
				}
			}
		}
	}
}

// vector derives what stands behind VEX and EVEX.
func (t *x86Maps) vector() {
	named := len(t.names)
	v := make([]uint32, named)
	for i := 1; i < named; i++ {
		if n := t.names[i]; strings.HasSuffix(n, "!") {
			v[i] = uint32(i)
			t.names[i] = n[:len(n)-1]
		}
	}
	derive := func(e uint32) uint32 {
		i := e & x86Mnemonic
		if v[i] == 0 {
			v[i] = t.name("v" + t.names[i])
		}
		return e&^x86Mnemonic | v[i]
	}
	for m := 1; m <= 3; m++ {
		for pp := range 4 {
			for op := range 256 {
				switch e := t.rest[m][pp][op]; {
				case m == 1 && op == 0x77:
					t.rest[4][pp][op] = t.name("vzeroupper") | x86Reads
				case e&x86Group != 0:
					t.rest[m+3][pp][op] = e // groups keep their names
				case e&x86ModRM != 0:
					t.rest[m+3][pp][op] = derive(e &^ x86Direct)
				}
			}
		}
	}
	other := t.name("v0f") | x86ModRM | x86Reads
	for pp := range 4 {
		for _, op := range []int{0x7a, 0x7b} { // conversions of EVEX
			t.rest[4][pp][op] = other
		}
		for op := range 256 {
			t.rest[7][pp][op] = other
		}
	}
	t.sparse(4, x86Masks, x86ModRM)
	for i := range t.names {
		t.names[i] = strings.TrimSuffix(t.names[i], "!")
	}
}

// prefixes puts what is no opcode into the first map.
func (t *x86Maps) prefixes() {
	for long := range 2 {
		f := &t.first[long]
		for b, bit := range map[byte]uint32{0xf0: x86Lock, 0xf2: x86F2, 0xf3: x86F3, 0x66: x8666, 0x67: x8667, 0x26: x86ES, 0x2e: x86CS, 0x36: x86SS, 0x3e: x86DS, 0x64: x86FS, 0x65: x86GS} {
			f[b] = x86KindPrefix<<x86KindShift | bit
		}
		f[0x0f] = x86Kind0F << x86KindShift
		f[0xc5] = f[0xc5]&^(15<<x86KindShift) | x86KindVEX2<<x86KindShift
		f[0xc4] = f[0xc4]&^(15<<x86KindShift) | x86KindVEX3<<x86KindShift
		f[0x8f] |= x86KindXOP << x86KindShift
		f[0x62] = f[0x62]&^(15<<x86KindShift) | x86KindEVEX<<x86KindShift
	}
	for b := 0x40; b < 0x50; b++ {
		t.first[1][b] = x86KindREX<<x86KindShift | x86REX
	}
	t.first[1][0x63] = t.movsxd | x86ModRM
}
