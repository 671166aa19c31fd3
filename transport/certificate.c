#include "transport/certificate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

static int certificate_name(X509 *certificate, const uint8_t *key)
{
	X509_NAME *name = X509_get_subject_name(certificate);
	char id[PH_NODE_ID_TEXT];

	ph_node_id_text(id, key);
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		       (const unsigned char *)id, -1, -1, 0) &&
	       X509_set_issuer_name(certificate, name);
}

static int certificate_dates(X509 *certificate)
{
	/* RFC 5280 4.1.2.5: this end means "no well-defined end". */
	return ASN1_TIME_set_string(
		       X509_getm_notBefore(certificate), "20000101000000Z") &&
	       ASN1_TIME_set_string(
		       X509_getm_notAfter(certificate), "99991231235959Z");
}

static X509 *certificate_sign(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	uint8_t public[PH_PUBLIC_KEY];
	size_t length = sizeof(public);

	if (certificate && EVP_PKEY_get_raw_public_key(key, public, &length) &&
		X509_set_version(certificate, X509_VERSION_3) &&
		ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) &&
		certificate_name(certificate, public) &&
		certificate_dates(certificate) &&
		X509_set_pubkey(certificate, key) &&
		X509_sign(certificate, key, NULL))
		return certificate;
	X509_free(certificate);
	return NULL;
}

int ph_certificate_create(
	const uint8_t seed[32], EVP_PKEY **key, X509 **certificate)
{
	EVP_PKEY *made =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	X509 *signed_by_it = made ? certificate_sign(made) : NULL;

	if (!signed_by_it) {
		EVP_PKEY_free(made);
		return -ENOMEM;
	}
	*key = made;
	*certificate = signed_by_it;
	return 0;
}

bool ph_certificate_key(X509 *certificate, uint8_t key[PH_PUBLIC_KEY])
{
	EVP_PKEY *public = X509_get0_pubkey(certificate);
	size_t length = PH_PUBLIC_KEY;

	return public && EVP_PKEY_is_a(public, "ED25519") &&
	       EVP_PKEY_get_raw_public_key(public, key, &length) == 1 &&
	       length == PH_PUBLIC_KEY;
}

bool ph_certificate_is_sound(X509 *certificate)
{
	uint8_t key[PH_PUBLIC_KEY];

	return ph_certificate_key(certificate, key) &&
	       X509_verify(certificate, X509_get0_pubkey(certificate)) == 1;
}

/* OpenSSL's memory becomes ours. */
static uint8_t *taken(uint8_t *der, int length)
{
	uint8_t *copy = length > 0 ? malloc((size_t)length) : NULL;

	if (copy)
		memcpy(copy, der, (size_t)length);
	OPENSSL_free(der);
	return copy;
}

static X509 *outer_sign(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name =
		certificate ? X509_get_subject_name(certificate) : NULL;

	if (name && X509_set_version(certificate, X509_VERSION_3) &&
		ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) &&
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
			(const unsigned char *)"posthouse", -1, -1, 0) &&
		X509_set_issuer_name(certificate, name) &&
		certificate_dates(certificate) &&
		X509_set_pubkey(certificate, key) &&
		X509_sign(certificate, key, EVP_sha256()))
		return certificate;
	X509_free(certificate);
	return NULL;
}

int ph_certificate_outer(uint8_t **certificate, size_t *certificate_length,
	uint8_t **key, size_t *key_length)
{
	EVP_PKEY *made = EVP_EC_gen("P-256");
	X509 *outer = made ? outer_sign(made) : NULL;
	uint8_t *der[2] = {NULL, NULL};
	int length[2] = {0, 0};

	if (outer) {
		length[0] = i2d_X509(outer, &der[0]);
		length[1] = i2d_PrivateKey(made, &der[1]);
	}
	X509_free(outer);
	EVP_PKEY_free(made);
	*certificate = taken(der[0], length[0]);
	*key = taken(der[1], length[1]);
	*certificate_length = (size_t)length[0];
	*key_length = (size_t)length[1];
	if (*certificate && *key)
		return 0;
	free(*certificate);
	free(*key);
	return -ENOMEM;
}
