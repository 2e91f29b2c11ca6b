/*
 * tokenkey MODULE TOKEN PIN LABEL: makes an elliptic-curve key that is not
 * Ed25519 (P-256) on a token, for tests of what a token must not be used for.
 */
#include <stdio.h>
#include <string.h>

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

static CK_BYTE p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
	0x07 };

static CK_RV
make(CK_FUNCTION_LIST *m, CK_SESSION_HANDLE s, char *label)
{
	CK_MECHANISM how = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_BBOOL yes = CK_TRUE;
	CK_BYTE id[] = { 1, 2, 3 };
	CK_ATTRIBUTE pub[] = { { CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_EC_PARAMS, p256, sizeof(p256) },
		{ CKA_LABEL, label, strlen(label) },
		{ CKA_ID, id, sizeof(id) } };
	CK_ATTRIBUTE priv[] = { { CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_LABEL, label, strlen(label) },
		{ CKA_ID, id, sizeof(id) } };
	CK_OBJECT_HANDLE a, b;

	return m->C_GenerateKeyPair(s, &how, pub, 4, priv, 4, &a, &b);
}

int
main(int argc, char **argv)
{
	CK_FUNCTION_LIST *m;
	CK_SLOT_ID slots[16];
	CK_ULONG n = 16;
	CK_RV rv = CKR_SLOT_ID_INVALID;

	if (argc != 5 || !(m = p11_kit_module_load(argv[1], 0)) ||
	    p11_kit_module_initialize(m) != CKR_OK ||
	    m->C_GetSlotList(CK_TRUE, slots, &n) != CKR_OK)
		return 2;
	for (CK_ULONG i = 0; i < n; i++) {
		CK_SESSION_HANDLE s;
		CK_TOKEN_INFO info;

		if (m->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
		    p11_kit_space_strlen(info.label, sizeof(info.label)) !=
			strlen(argv[2]) ||
		    memcmp(info.label, argv[2], strlen(argv[2])) != 0)
			continue;
		rv = m->C_OpenSession(slots[i],
		    CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s);
		if (rv == CKR_OK)
			rv = m->C_Login(s, CKU_USER, (CK_UTF8CHAR *)argv[3],
			    strlen(argv[3]));
		if (rv == CKR_OK)
			rv = make(m, s, argv[4]);
	}
	if (rv != CKR_OK)
		fprintf(stderr, "tokenkey: %s\n", p11_kit_strerror(rv));
	p11_kit_module_finalize(m);
	p11_kit_module_release(m);
	return rv == CKR_OK ? 0 : 1;
}
