import { SUBJECT } from '../../support/forge-jws.ts';
import type { Hooks } from './forge.ts';
import { N } from './kinds.ts';
import { type Mutation, mutationsOf, type Options, swap } from './mutation.ts';

type Fields = Record<string, unknown>;

const text = (payload: (json: string) => string): Hooks => ({ payload });
/** Changes fields of the descriptor; undefined takes one out. */
const target = (changes: Fields): Hooks => ({
  payload: (json) => {
    const { targetArtifact } = JSON.parse(json) as { targetArtifact: Fields };
    return JSON.stringify({ targetArtifact: { ...targetArtifact, ...changes } });
  },
});

const OTHER_SUBJECT: Options = { check: 'descriptor', code: 'OtherSubject' };
const METADATA: Options = { kind: 'full', check: 'userMetadata', code: 'UserMetadataMismatch' };

/** What is signed: well signed, and not what it must be. The same bytes in both formats. */
export const PAYLOAD_MUTATIONS: readonly Mutation[] = mutationsOf([
  // B7: the fields
  ['B7', 'an empty object', text(() => '{}'), /targetArtifact: expected an object/],
  ['B7', 'an array', text((json) => `[${json}]`), /payload: expected an object/],
  ['B7', 'text', text((json) => JSON.stringify(json)), /payload: expected an object/],
  ['B7', 'null', text(() => 'null'), /payload: expected an object/],
  [
    'B7',
    'a target that is a list',
    text((json) => json.replace(':{', ':[{').replace(/}}$/, '}]}')),
    /targetArtifact: expected an object/,
  ],
  ['B7', 'no media type', target({ mediaType: undefined }), /targetArtifact\.mediaType: expected a string/],
  ['B7', 'an empty media type', target({ mediaType: '' }), /targetArtifact\.mediaType: expected a string/],
  [
    'B7',
    'a media type that is a list',
    target({ mediaType: [SUBJECT.mediaType] }),
    /targetArtifact\.mediaType: expected a string/,
  ],
  ['B7', 'no digest', target({ digest: undefined }), /targetArtifact\.digest: expected sha256/],
  [
    'B7',
    'an upper-case digest',
    target({ digest: SUBJECT.digest.replace('c', 'C') }),
    /targetArtifact\.digest: expected sha256/,
  ],
  [
    'B7',
    'an algorithm in upper case',
    target({ digest: SUBJECT.digest.toUpperCase() }),
    /targetArtifact\.digest: expected sha256/,
  ],
  ['B7', 'a digest by MD5', target({ digest: `md5:${'0'.repeat(32)}` }), /targetArtifact\.digest: expected sha256/],
  [
    'B7',
    'a digest that is short',
    target({ digest: SUBJECT.digest.slice(0, -1) }),
    /targetArtifact\.digest: expected sha256/,
  ],
  [
    'B7',
    'a digest with a line feed',
    target({ digest: `${SUBJECT.digest}\n` }),
    /targetArtifact\.digest: expected sha256/,
  ],
  [
    'B7',
    'a SHA-512 digest as long as one of SHA-256',
    target({ digest: SUBJECT.digest.replace('sha256', 'sha512') }),
    /targetArtifact\.digest: expected sha256/,
  ],
  ['B7', 'no size', target({ size: undefined }), /targetArtifact\.size: expected a whole number/],
  ['B7', 'a size as text', target({ size: '16724' }), /targetArtifact\.size: expected a whole number/],
  ['B7', 'a negative size', target({ size: -1 }), /targetArtifact\.size: expected a whole number/],
  ['B7', 'a size with a fraction', target({ size: 16724.5 }), /targetArtifact\.size: expected a whole number/],
  ['B7', 'a size beyond what is exact', target({ size: 2 ** 53 }), /targetArtifact\.size: expected a whole number/],
  ['B7', 'a size that is null', target({ size: null }), /targetArtifact\.size: expected a whole number/],
  ['B7', 'annotations that are null', target({ annotations: null }), /annotations: expected an object/],
  ['B7', 'annotations that are a list', target({ annotations: ['build'] }), /annotations: expected an object/],
  ['B7', 'an annotation that is a number', target({ annotations: { build: 7 } }), /expected strings, "build" has none/],
  [
    'B7',
    'a reserved annotation',
    target({ annotations: { [`${N}.signingScheme`]: 'x' } }),
    /the key "io\.cncf\.notary\.signingScheme" is reserved/,
  ],
  [
    'B7',
    'an annotation that begins as reserved ones do',
    target({ annotations: { 'io.cncf.notaryx': 'x' } }),
    /the key "io\.cncf\.notaryx" is reserved/,
  ],
  // B1: the JSON
  [
    'B1',
    'the target twice in the payload',
    text(swap('{', `{"targetArtifact":{},`)),
    /payload has the key "targetArtifact" twice/,
  ],
  [
    'B1',
    'the target twice, once by an escape',
    text(swap('{', '{"target\\u0041rtifact":{},')),
    /payload has the key "targetArtifact" twice/,
  ],
  [
    'B1',
    'the target in other case too',
    text(swap('{', '{"TargetArtifact":{},')),
    /"TargetArtifact", which differs .* only in case/,
  ],
  ['B1', 'the digest twice', text(swap('"digest"', '"digest":"x","digest"')), /payload has the key "digest" twice/],
  [
    'B1',
    'the digest in other case too',
    text(swap('"digest"', '"Digest":"x","digest"')),
    /"Digest", which differs .* only in case/,
  ],
  [
    'B1',
    'the digest with a long s too, which is an s to parsers that fold case by Unicode',
    text(swap('"digest"', '"dige\u017ft":"x","digest"')),
    /"dige\\u017ft", which differs .* only in case/,
  ],
  ['B1', 'the size twice', text(swap('"size"', '"size":1,"size"')), /payload has the key "size" twice/],
  [
    'B1',
    'an annotation twice',
    text(swap('"build"', '"build":"6","build"')),
    /payload has the key "build" twice/,
    { kind: 'full' },
  ],
  ['B1', 'a size written 16724.0', text(swap('16724', '16724.0')), /payload writes a number as 16724\.0/],
  ['B1', 'a size written 1.6724e4', text(swap('16724', '1.6724e4')), /payload writes a number as 1\.6724e4/],
  ['B1', 'a size written 016724', text(swap('16724', '016724')), /payload is not JSON/],
  ['B1', 'a size written +16724', text(swap('16724', '+16724')), /payload is not JSON/],
  ['B1', 'a byte order mark before the payload', text((json) => `\ufeff${json}`), /payload is not JSON/],
  [
    'B1',
    'a comma at the end of the payload',
    text((json) => json.replace(/}}$/, '},}')),
    /payload is not JSON: expected a key/,
  ],
  ['B1', 'a comment in the payload', text((json) => `/**/${json}`), /payload is not JSON/],
  ['B1', 'single quotes in the payload', text((json) => json.replaceAll('"', "'")), /payload is not JSON/],
  ['B1', 'a second payload after the payload', text((json) => `${json}${json}`), /payload has bytes after its end/],
  ['B1', 'a null byte after the payload', text((json) => `${json}\0`), /payload has bytes after its end/],
  [
    'B1',
    'half a surrogate pair in the payload',
    text(swap('"mediaType"', '"x":"\\ud800","mediaType"')),
    /payload has a lone surrogate/,
  ],
  [
    'B1',
    'a tab in a string of the payload',
    text(swap('"mediaType"', '"x":"\t","mediaType"')),
    /payload is not JSON: a control character/,
  ],
  [
    'B1',
    'nesting without end in the payload',
    text(swap('{', `{"x":${'['.repeat(60)}${']'.repeat(60)},`)),
    /payload is nested deeper/,
  ],
  ['B1', 'NaN in the payload', text(swap('16724', 'NaN')), /payload is not JSON: expected a value/],
  ['B1', 'the end of the payload cut off', text((json) => json.slice(0, -1)), /payload is not JSON/],
  // A9, G: well formed, and of another image
  [
    'A9',
    'the digest of another image',
    target({ digest: `sha256:${'0'.repeat(64)}` }),
    /its digest is "sha256:000/,
    OTHER_SUBJECT,
  ],
  ['A9', 'the size of another image', target({ size: 16725 }), /its size is "16725"/, OTHER_SUBJECT],
  [
    'A9',
    'another media type',
    target({ mediaType: 'application/vnd.oci.image.index.v1+json' }),
    /its mediaType is "application/,
    OTHER_SUBJECT,
  ],
  [
    'A9',
    'the media type in other case',
    target({ mediaType: SUBJECT.mediaType.toUpperCase() }),
    /its mediaType is "APPLICATION/,
    OTHER_SUBJECT,
  ],
  [
    'G',
    'other user metadata than is asked for',
    target({ annotations: { build: '8' } }),
    /build=7: the signature has "8"/,
    METADATA,
  ],
  [
    'G',
    'no user metadata where some is asked for',
    target({ annotations: undefined }),
    /build=7: the signature does not have the key/,
    METADATA,
  ],
  [
    'G',
    'user metadata whose key is in other case',
    target({ annotations: { Build: '7' } }),
    /build=7: the signature does not have the key/,
    METADATA,
  ],
]);
