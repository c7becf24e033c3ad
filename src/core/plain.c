/* SPDX-License-Identifier: MIT */

/* Writes and reads what sessions and receipts have in common. Called by handle.c and receipt.c. A reader takes what fits
 * the layout to the octet and nothing else; it judges the form, never the sense. */

#include "core/plain.h"

void occ__plain_put(occ_plain *plain, const void *octets, size_t len)
{
  if (len > plain->left) {
    plain->full = 1;
    plain->left = 0;
    return;
  }
  if (len > 0) {
    memcpy(plain->at, octets, len);
    plain->at += len;
    plain->left -= len;
  }
}

void occ__plain_put_uint(occ_plain *plain, uint64_t number, size_t octets)
{
  uint8_t room[8];

  for (size_t i = 0; i < octets; i++) {
    room[i] = (uint8_t)(number >> (8 * (octets - 1 - i)));
  }
  occ__plain_put(plain, room, octets);
}

void occ__plain_put_time(occ_plain *plain, occ_time time)
{
  occ__plain_put_uint(plain, (uint64_t)time, OCC__PLAIN_TIME_LEN);
}

void occ__plain_put_senders(occ_plain *plain, unsigned senders,
                            const uint8_t (*sender)[OCC__SHA256_LEN])
{
  occ__plain_put_uint(plain, senders, 1);
  for (unsigned kind = 1; kind < OCC__SENDERS; kind++) {
    if ((senders & (1u << kind)) != 0) {
      occ__plain_put(plain, sender[kind], OCC__SHA256_LEN);
    }
  }
}

void occ__plain_put_met(occ_plain *plain, const occ_satisfied *met, size_t count)
{
  occ__plain_put_uint(plain, count, 1);
  for (size_t i = 0; i < count; i++) {
    occ__plain_put(plain, met[i].id, sizeof(met[i].id));
    occ__plain_put_time(plain, met[i].at);
    occ__plain_put_uint(plain, met[i].senders, 1);
  }
}

int occ__plain_is_time(occ_time time)
{
  return time >= 0 && time <= OCC__MAX_SEALED_TIME;
}

int occ__plain_are_senders(unsigned bits)
{
  return (bits & ~OCC__SENDER_BITS) == 0;
}

int occ__plain_get_octet(occ_cursor *cursor, uint8_t *out)
{
  return occ__cursor_copy(cursor, out, 1);
}

int occ__plain_get_time(occ_cursor *cursor, occ_time *out)
{
  uint64_t number;

  if (!occ__cursor_uint(cursor, OCC__PLAIN_TIME_LEN, &number)) {
    return 0;
  }
  *out = (occ_time)number; /* 48 bits */
  return 1;
}

int occ__plain_get_senders(occ_cursor *cursor, uint8_t *senders, uint8_t (*sender)[OCC__SHA256_LEN])
{
  if (!occ__plain_get_octet(cursor, senders) || !occ__plain_are_senders(*senders)) {
    return 0;
  }
  for (unsigned kind = 1; kind < OCC__SENDERS; kind++) {
    if ((*senders & (1u << kind)) != 0 &&
        !occ__cursor_copy(cursor, sender[kind], OCC__SHA256_LEN)) {
      return 0;
    }
  }
  return 1;
}

int occ__plain_get_met(occ_cursor *cursor, occ_satisfied met[OCC__MAX_SATISFIED], size_t *count)
{
  uint8_t number;

  if (!occ__plain_get_octet(cursor, &number) || number > OCC__MAX_SATISFIED) {
    return 0;
  }
  for (size_t i = 0; i < number; i++) {
    if (!occ__cursor_copy(cursor, met[i].id, sizeof(met[i].id)) ||
        !occ__plain_get_time(cursor, &met[i].at) ||
        !occ__plain_get_octet(cursor, &met[i].senders) || !occ__plain_are_senders(met[i].senders)) {
      return 0;
    }
  }
  *count = number;
  return 1;
}
