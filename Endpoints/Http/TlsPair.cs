using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AiChat.Endpoints.Http;

/// <summary>Why a certificate and its key cannot be used, in words for the operator.</summary>
internal sealed class TlsPairException(string message) : Exception(message);

/// <summary>A certificate with its key and the certificates that lead to its issuer, as read from PEM.</summary>
internal sealed class TlsPair
{
    private const int MinRsaBits = 2048;

    private TlsPair(X509Certificate2 certificate, X509Certificate2Collection chain)
    {
        Certificate = certificate;
        Context = SslStreamCertificateContext.Create(certificate, chain, offline: true);
    }

    public X509Certificate2 Certificate { get; }

    public SslStreamCertificateContext Context { get; }

    public DateTimeOffset NotBefore => new(Certificate.NotBefore.ToUniversalTime());

    public DateTimeOffset NotAfter => new(Certificate.NotAfter.ToUniversalTime());

    /// <summary>Reads a pair. The order of the certificates does not matter: the one that belongs to the key is the server's.</summary>
    /// <param name="certificates">PEM with one or more certificates.</param>
    /// <param name="key">PEM with one private key; may be the same text.</param>
    /// <exception cref="TlsPairException">The pair cannot be used.</exception>
    public static TlsPair Read(string certificates, string key)
    {
        var chain = Chain(certificates);
        if (key.Contains("-----BEGIN ENCRYPTED PRIVATE KEY-----", StringComparison.Ordinal)
            || key.Contains("Proc-Type: 4,ENCRYPTED", StringComparison.Ordinal))
        {
            throw new TlsPairException(
                "the key is encrypted with a passphrase, which the server cannot ask for; write it without: "
                + "openssl pkey -in KEY -out NEWKEY");
        }

        if (!key.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            throw new TlsPairException("there is no private key in PEM (-----BEGIN PRIVATE KEY-----); name its file in TLS_KEY_FILE");
        }

        Exception? reason = null;
        foreach (var certificate in chain)
        {
            try
            {
                var own = X509Certificate2.CreateFromPem(certificate.ExportCertificatePem(), key);
                chain.Remove(certificate);
                RefuseWeak(own);
                return new TlsPair(own, chain);
            }
            catch (Exception error) when (error is CryptographicException or ArgumentException or NotSupportedException)
            {
                reason ??= error;
            }
        }

        throw new TlsPairException(
            $"the key does not belong to the certificate or is of another kind than RSA and ECDSA ({reason?.Message})");
    }

    private static X509Certificate2Collection Chain(string pem)
    {
        var chain = new X509Certificate2Collection();
        try
        {
            chain.ImportFromPem(pem);
        }
        catch (CryptographicException error)
        {
            throw new TlsPairException($"a certificate cannot be read ({error.Message})");
        }

        return chain.Count > 0 ? chain : throw new TlsPairException("there is no certificate in PEM (-----BEGIN CERTIFICATE-----)");
    }

    private static void RefuseWeak(X509Certificate2 certificate)
    {
        using var rsa = certificate.GetRSAPublicKey();
        if (rsa?.KeySize < MinRsaBits)
        {
            throw new TlsPairException($"the RSA key has {rsa.KeySize} bits; clients refuse less than {MinRsaBits}");
        }
    }
}
