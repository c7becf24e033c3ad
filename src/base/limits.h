/* SPDX-License-Identifier: MIT */
#ifndef OCC__LIMITS_H
#define OCC__LIMITS_H

/* Every limit of libocc, each with its reason. Nothing else in the library may hold a number that an attacker can
 * reach. A test stands at limit-1, limit and limit+1 of each. */

/* The request. */
#define OCC__MAX_BODY (96u * 1024u) /* a presentation (32 KiB) percent-encoded, twice over */
#define OCC__MAX_PARAM_NAME                                                                        \
  128u /* octets; no specification has one of 32. Repeats are found by comparing all pairs */
#define OCC__MAX_FACT                                                                              \
  1024u /* octets of a parameter that the facts show as it is; longer ones by digest */
#define OCC__MAX_PARAMS      128u          /* no grant has a tenth of that */
#define OCC__MAX_HEADER      (16u * 1024u) /* one header value; common servers stop at 8 KiB a section */
#define OCC__MAX_HEADERS     32u           /* lines kept of those that some type or proof needs */
#define OCC__MAX_CERTIFICATE (16u * 1024u) /* one DER certificate */
#define OCC__MAX_SUBJECT                                                                           \
  1024u /* octets of its subject, to be compared: full of the shortest fields it costs two         \
           signatures; qualified certificates have 400 */
#define OCC__MAX_CLIENT_ID 2048u /* octets; a URL */
#define OCC__MAX_TXN_MEMORY                                                                        \
  (4u * 1024u * 1024u) /* arena of one txn: a full body, decoded, with its evidence */

/* JSON. Depth and values are counted as a text is read. A quarter of the values may be reals. */
#define OCC__MAX_JSON_DEPTH  16u
#define OCC__MAX_JSON_VALUES 256u /* 256 members cost most of one signature */
#define OCC__MAX_REQUEST_VALUES                                                                    \
  128u /* in details, in header or claims of an evidence JWT, each; honest ones have 60 */
#define OCC__MAX_JSON_NUMBER 64u          /* characters; a double needs 24 of them, an int64 20 */
#define OCC__MAX_DETAILS     (4u * 1024u) /* authorization_details; honest ones have 2 KiB */
#define OCC__MAX_REQUEST_JSON                                                                      \
  (16u *                                                                                           \
   1024u) /* all that a request makes us read as JSON, as it was sent: details of 2 KiB, a     \
                   proof and two JWTs, one with a chain of certificates, are half of it */
#define OCC__MAX_ANSWER_VALUES                                                                     \
  4096u /* in the JSON of an answer: 64 keys with every member they can have */
#define OCC__MAX_METADATA                                                                          \
  (32u * 1024u) /* of a client, and its keys: it may have written them itself; honest ones have 5 */
#define OCC__MAX_METADATA_VALUES 256u /* 30 keys with six members; all of it costs one signature */
#define OCC__MAX_CONFIG_JSON     (1024u * 1024u)
#define OCC__MAX_CONFIG_VALUES   65536u

/* JOSE. */
#define OCC__MAX_JWT (16u * 1024u)
#define OCC__MAX_PROOF                                                                             \
  (4u * 1024u)                   /* a DPoP proof: an RSA-4096 key and signature are 1.4 KiB of it */
#define OCC__MAX_PROOF_DEPTH  8u /* honest ones have 2; of a client's assertion, too */
#define OCC__MAX_PROOF_VALUES 64u /* in its header, in its claims; honest ones have 20 at most */
#define OCC__MAX_CLAIMS                                                                            \
  (2u * 1024u) /* of the parameter claims, to be compared by meaning; longer: by octets */
#define OCC__MAX_CLAIMS_VALUES 64u  /* ... and values; more: by octets */
#define OCC__MAX_ID            256u /* jti, kid */
#define OCC__MAX_JWKS_KEYS     64u
#define OCC__MIN_RSA_BITS      2048u /* RFC 7518 section 3.3 */
#define OCC__MAX_RSA_BITS      4096u /* 16384 bits would cost 67 verifications of ES256 */
#define OCC__MAX_RSA_E_LEN     4u    /* octets of the exponent: one of 2047 bits would cost 30 */
#define OCC__MAX_RSA_E_CLIENT                                                                      \
  65537u /* in a key that a client has registered for itself, and two bits: all 32 of them would    \
            make a signature cost 2.5, and anybody may send one */

/* Sessions. */
#define OCC__MAX_HANDLE 1024u /* characters: it travels inside signed proofs */
#define OCC__MAX_NAME_PARAMS_MEMO                                                                  \
  512u /* octets of the requirement's name, params and memo together */
#define OCC__MAX_PARAMS_JSON        256u /* octets of an answer's params */
#define OCC__MAX_MEMO               128u
#define OCC__MAX_ROUNDS             4u /* challenges in one chain */
#define OCC__MAX_ATTEMPTS           3u /* at one requirement; for honest loops */
#define OCC__MAX_SATISFIED          8u /* carried PROVENANCE entries; the handle's length stops earlier */
#define OCC__MIN_EXPIRY_S           10 /* a human-made proof needs longer, a machine's hardly less */
#define OCC__MAX_EXPIRY_S           600
#define OCC__EXPIRY_S               300
#define OCC__EXPIRY_AUTHORIZATION_S 60
#define OCC__CARRIED_MS             (300 * 1000) /* PROVENANCE evidence lapses */
#define OCC__NODE_SKEW_MS           (120 * 1000) /* clocks of two nodes may differ by that */
#define OCC__ONCE_LIFE_MS           (OCC__MAX_EXPIRY_S * 1000 + 2 * OCC__NODE_SKEW_MS)

/* Receipts of pushed authorization requests. */
#define OCC__MAX_RECEIPT 506u /* characters: every kind of key and OCC__MAX_SATISFIED entries */
#define OCC__RECEIPT_MS                                                                            \
  (OCC__MAX_EXPIRY_S * 1000) /* a ring keeps keys that do not seal any more for that long */

/* Time. */
#define OCC__MAX_TIME      INT64_C(9007199254740991) /* 2^53 - 1: sums with it stay far from the end */
#define OCC__DEADLINE_MS   (10 * 1000)               /* of one txn */
#define OCC__DPOP_BACK_MS  (60 * 1000)
#define OCC__DPOP_AHEAD_MS (30 * 1000)
#define OCC__DPOP_FAR_MS                                                                           \
  (OCC__ONCE_LIFE_MS - OCC__NODE_SKEW_MS -                                                         \
   OCC__DPOP_BACK_MS) /* iat ahead by that would be good when the use is forgotten */
#define OCC__JWT_SKEW_MS (10 * 1000)
#define OCC__ASSERTION_MS                                                                          \
  (10 * 60 * 1000) /* of a client: good for so long after its iat; its jti is kept as long */
#define OCC__ASSERTION_EXP_MS (60 * 60 * 1000) /* ... and exp lies no further ahead */
#define OCC__NONCE_STEP_MS    (60 * 1000)
#define OCC__NONCE_STEPS_BACK 2
#define OCC__NONCE_LIFE_MS                                                                         \
  ((OCC__NONCE_STEPS_BACK + 1) * OCC__NONCE_STEP_MS) /* from the beginning of its step */

/* The machine. */
#define OCC__MAX_FETCHES          4u /* one document leads to another, jwks_uri; not to ten */
#define OCC__MAX_ONCE_KEYS        4u /* proof, assertion, session, evidence */
#define OCC__MAX_REQUIREMENTS     256u
#define OCC__MAX_REQUIREMENT_NAME 64u
#define OCC__MAX_TYPES            32u
#define OCC__MAX_TYPE_CARRIERS    8u             /* parameters or headers of one type */
#define OCC__MAX_EVENTS_KEPT      32u            /* for occ_txn_log() */
#define OCC__MAX_ANSWER           (256u * 1024u) /* octets that come with an answer */

/* The memory store. */
#define OCC__MAX_STORE_ENTRIES (1u << 28) /* 17 GB; larger is a typing error */
#define OCC__MAX_KEPT          1024u /* octets under one key: the largest sealed session, in octets, fits */
#define OCC__STORE_CLIENT_PART                                                                     \
  100u /* a client may hold one part in that many of a purpose's space: ten proofs a second in a   \
          store of a million */
#define OCC__STORE_STRANGERS_PART                                                                  \
  4u /* all whom nobody has authenticated, together, for a key costs nothing: three quarters stay  \
        free of them */
#define OCC__STORE_CLIENT_LEAST                                                                    \
  16u /* ... and never fewer than that: parallel requests of an honest one */

/* Clients known by a URL: the defaults, and how far an option may go. */
#define OCC__CIMD_URL          512u /* octets of a client id: a key, a log line; honest ones have 60 */
#define OCC__CIMD_URL_MAX      2048u /* as any client id */
#define OCC__CIMD_PORTS        8u    /* listed in the configuration */
#define OCC__CIMD_BLOCKS       16u   /* address blocks in each list of the configuration */
#define OCC__CIMD_DOCUMENT     5120u /* octets; the draft's own recommendation */
#define OCC__CIMD_DOCUMENT_MIN 1024u
#define OCC__CIMD_DOCUMENT_MAX 65536u /* it is read and kept whole */
#define OCC__CIMD_JWKS         16384u /* octets of a key set behind jwks_uri */
#define OCC__CIMD_JWKS_MAX     65536u
#define OCC__CIMD_KEYS         16u /* of one client: each is read, and its digest made, at every fetch */
#define OCC__CIMD_TEXT         1024u /* octets of a member that is only shown or handed on */
#define OCC__CIMD_DOCUMENTS    1000u /* kept at once; a server that knows more clients can have more */
#define OCC__CIMD_KEYSETS      500u
#define OCC__CIMD_ENTRIES_MIN                                                                      \
  64u /* fewer than four times the fetches at once: none could be let in */
#define OCC__CIMD_ENTRIES_MAX  100000u /* each is looked at when one is to go */
#define OCC__CIMD_PER_HOST     16u     /* entries; one host cannot fill the cache */
#define OCC__CIMD_PER_HOST_MAX 1000u
#define OCC__CIMD_DOMAIN_PERCENT                                                                   \
  25u /* of all that strangers may have, for one domain: names below it cost nothing */
#define OCC__CIMD_OCTETS           (8u * 1024u * 1024u) /* of documents and key sets together */
#define OCC__CIMD_FLIGHTS          16u /* fetches at once; no more threads or sockets than that */
#define OCC__CIMD_FLIGHTS_PER_HOST 4u
#define OCC__CIMD_FLIGHTS_MAX      64u
#define OCC__CIMD_WAITERS          64u /* requests that wait for one fetch; more are told to come again */
#define OCC__CIMD_MINUTE                                                                           \
  120u /* fetches a minute: what a stranger can make this server do to others */
#define OCC__CIMD_MINUTE_PER_HOST 30u
#define OCC__CIMD_MINUTE_MAX      1200u /* all are looked at for each fetch */
#define OCC__CIMD_KID_MINUTE                                                                       \
  30u /* fetches a minute for keys that a set has not: nobody has signed yet */
#define OCC__CIMD_KID_MS   (30 * 1000)  /* ... and for one set */
#define OCC__CIMD_USUAL_MS (300 * 1000) /* fresh without a word of the response */
#define OCC__CIMD_LEAST_MS                                                                         \
  (60 * 1000) /* whatever it says: else it could make us fetch all the time */
#define OCC__CIMD_MOST_MS                                                                          \
  (3600 * 1000) /* whatever it says: how long a key that is gone still counts */
#define OCC__CIMD_MOST_MAX_MS  (86400 * 1000)
#define OCC__CIMD_STALE_MAX_MS (3600 * 1000) /* a document after its time, while its host is away */
#define OCC__CIMD_RETRY_MS     (2 * 1000)    /* after the first failure, then twice that, .. */
#define OCC__CIMD_RETRY_MAX_MS (30 * 1000)
#define OCC__CIMD_PROVE_MS     (60 * 1000) /* used again after that: worth keeping before strangers */
#define OCC__CIMD_IDLE_MS      (3600 * 1000) /* not used for that long: not any more */
#define OCC__CIMD_KEPT_PART(n)                                                                     \
  ((n) - (n) / 4) /* of the cache, a host, a budget: a quarter stays for the others */

/* The client's side: a server chooses these. */
#define OCC__AGENT_MAX_SESSION   4096u        /* other servers' handles may be four times ours */
#define OCC__AGENT_MAX_ERROR     256u         /* an OAuth error code */
#define OCC__AGENT_MAX_HEADERS   (64u * 1024) /* a block of header lines; servers stop at a quarter */
#define OCC__AGENT_MAX_EXPIRES_S INT64_C(2147483647) /* 68 years: what is above is no expiry */
#define OCC__AGENT_MAX_MEMORY    (1024u * 1024u)     /* arena of one response, of one call */
#define OCC__AGENT_MAX_TIME      INT64_C(9007199254740991) /* 2^53 - 1 */
#define OCC__AGENT_MAX_ROUNDS    8u /* of the option: more is no honest conversation */
#define OCC__AGENT_ROUNDS        4u
#define OCC__AGENT_ANSWERS       3u
#define OCC__AGENT_MAX_EVIDENCE  8u /* parameters of one SOLVE answer */
#define OCC__AGENT_JTI_OCTETS    16u
#define OCC__AGENT_ASSERTION_S   300 /* life of an assertion; it is bound to one session anyway */

#endif
