package main

// The libopus of voicectl's build: benches/calls.py passes where it is in CGO_CFLAGS and
// CGO_LDFLAGS.

/*
#include <opus/opus.h>

static OpusEncoder *new_encoder(void) {
	int error;
	OpusEncoder *encoder = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, &error);
	opus_encoder_ctl(encoder, OPUS_SET_BITRATE(32000));
	opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(9));
	opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(1));
	opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(10));
	return encoder;
}
*/
import "C"

import "unsafe"

type decoder struct{ state *C.OpusDecoder }

func newDecoder(rateHz int) decoder {
	var failed C.int
	return decoder{C.opus_decoder_create(C.opus_int32(rateHz), 1, &failed)}
}

// decode gives the samples decoded; a packet that is no Opus gives none.
func (d decoder) decode(payload []byte, pcm []int16) int {
	if len(payload) == 0 {
		return 0
	}
	samples := C.opus_decode(d.state, (*C.uchar)(unsafe.Pointer(&payload[0])),
		C.opus_int32(len(payload)), (*C.opus_int16)(unsafe.Pointer(&pcm[0])), C.int(len(pcm)), 0)
	return max(0, int(samples))
}

func (d decoder) close() { C.opus_decoder_destroy(d.state) }

// encoder has voicectl's defaults: 48 kHz mono, 32 kbit/s, complexity 9, FEC for 10 % of loss.
type encoder struct{ state *C.OpusEncoder }

func newEncoder() encoder { return encoder{C.new_encoder()} }

func (e encoder) encode(pcm []int16, payload []byte) int {
	length := C.opus_encode(e.state, (*C.opus_int16)(unsafe.Pointer(&pcm[0])), C.int(len(pcm)),
		(*C.uchar)(unsafe.Pointer(&payload[0])), C.opus_int32(len(payload)))
	return max(0, int(length))
}

func (e encoder) close() { C.opus_encoder_destroy(e.state) }
