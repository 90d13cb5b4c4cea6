package main

// A libopus that CGO_LDFLAGS names. Its few functions are declared here: where it comes without
// headers it can be used too.

/*
typedef struct OpusEncoder OpusEncoder;
typedef struct OpusDecoder OpusDecoder;
typedef int opus_int32;
typedef short opus_int16;
OpusEncoder *opus_encoder_create(opus_int32 rate, int channels, int application, int *error);
int opus_encoder_ctl(OpusEncoder *encoder, int request, ...);
opus_int32 opus_encode(OpusEncoder *encoder, const opus_int16 *pcm, int frame_size,
                       unsigned char *data, opus_int32 max_data_bytes);
void opus_encoder_destroy(OpusEncoder *encoder);
OpusDecoder *opus_decoder_create(opus_int32 rate, int channels, int *error);
int opus_decode(OpusDecoder *decoder, const unsigned char *data, opus_int32 len,
                opus_int16 *pcm, int frame_size, int decode_fec);
void opus_decoder_destroy(OpusDecoder *decoder);

enum { VOIP = 2048, SET_BITRATE = 4002, SET_COMPLEXITY = 4010, SET_INBAND_FEC = 4012,
       SET_PACKET_LOSS_PERC = 4014 };

static OpusEncoder *new_encoder(void) {
	int error;
	OpusEncoder *encoder = opus_encoder_create(48000, 1, VOIP, &error);
	opus_encoder_ctl(encoder, SET_BITRATE, 32000);
	opus_encoder_ctl(encoder, SET_COMPLEXITY, 9);
	opus_encoder_ctl(encoder, SET_INBAND_FEC, 0);
	opus_encoder_ctl(encoder, SET_PACKET_LOSS_PERC, 0);
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

// encoder is set as that of voicectl's endpoint: 48 kHz mono, 32 kbit/s, complexity 9, no FEC.
type encoder struct{ state *C.OpusEncoder }

func newEncoder() encoder { return encoder{C.new_encoder()} }

func (e encoder) encode(pcm []int16, payload []byte) int {
	length := C.opus_encode(e.state, (*C.opus_int16)(unsafe.Pointer(&pcm[0])), C.int(len(pcm)),
		(*C.uchar)(unsafe.Pointer(&payload[0])), C.opus_int32(len(payload)))
	return max(0, int(length))
}

func (e encoder) close() { C.opus_encoder_destroy(e.state) }
