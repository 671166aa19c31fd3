#include "transport/certificate.h"

#include <errno.h>
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
