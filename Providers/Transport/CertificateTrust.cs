using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AiChat.Providers.Transport;

/// <summary>
/// How certificates are validated: by the system's authorities (<c>SSL_CERT_FILE</c> and <c>SSL_CERT_DIR</c> move them), or only by those
/// that a connection names. There is no way to skip validation.
/// </summary>
internal static partial class CertificateTrust
{
    /// <summary>Bits of an RSA key; shorter ones can be broken, so they prove nothing (NIST SP 800-131A).</summary>
    public const int MinRsaBits = 2_048;

    /// <summary>Characters of a connection's authorities; a request's body has 64 KiB.</summary>
    public const int MaxPem = 48 * 1024;

    private const int MaxCertificates = 50;
    private const string Label = "CERTIFICATE";

    /// <summary>The policy of one connection. The caller has checked the text by <see cref="Check"/>.</summary>
    /// <exception cref="ProviderException">The text was stored by a version with other rules.</exception>
    public static X509ChainPolicy Policy(string? pem)
    {
        // A certificate can name addresses to fetch other certificates from, which would bypass every rule about addresses.
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        if (pem is null)
        {
            return policy;
        }

        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        if (Read(pem, policy.CustomTrustStore) is { } reason)
        {
            throw new ProviderException(ProviderFailure.Tls, reason)
            {
                Hop = CallHop.Tls,
                Reason = new CallReason("authority_unreadable"),
            };
        }

        return policy;
    }

    /// <summary>
    /// Reduces pasted text to its certificates, one after the other; null when it breaks a rule, which <paramref name="reason"/> names.
    /// </summary>
    public static string? Check(string text, out string? reason)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            reason = Read(text, certificates);
            return reason is null ? string.Join('\n', certificates.Select(one => one.ExportCertificatePem())) + "\n" : null;
        }
        finally
        {
            foreach (var certificate in certificates)
            {
                certificate.Dispose();
            }
        }
    }

    /// <summary>The bits of the first RSA key that is too short; null when all are long enough.</summary>
    public static int? ShortRsaKey(IEnumerable<X509Certificate2> certificates)
    {
        foreach (var certificate in certificates)
        {
            using var key = certificate.GetRSAPublicKey();
            if (key?.KeySize < MinRsaBits)
            {
                return key.KeySize;
            }
        }

        return null;
    }

    /// <summary>Whether the system has any authority to judge by; a container may lack the package ca-certificates.</summary>
    public static bool SystemHasAuthorities()
    {
        using var store = new X509Store(StoreName.Root, StoreLocation.LocalMachine);
        store.Open(OpenFlags.ReadOnly);
        return store.Certificates.Count > 0;
    }

    /// <summary>
    /// What is wrong with the places that the system's authorities are read from; null when nothing is. A wrong one would only be noticed
    /// by the first call to a provider.
    /// </summary>
    /// <param name="file">SSL_CERT_FILE.</param>
    /// <param name="folders">SSL_CERT_DIR.</param>
    public static string? FaultOf(string? file, string? folders)
    {
        try
        {
            if (file is not null && !File.ReadAllText(file).Contains("-----BEGIN ", StringComparison.Ordinal))
            {
                return $"SSL_CERT_FILE names {file}, which holds no certificate in PEM form.";
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return $"SSL_CERT_FILE names {file}, which cannot be read.";
        }

        var missing = (folders ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault(folder => !Directory.Exists(folder));
        return missing is null ? null : $"SSL_CERT_DIR names {missing}, which is no folder that can be read.";
    }

    /// <summary>
    /// Hands on what a file of variables says: OpenSSL reads the environment of the process. Call it before the first certificate is
    /// judged.
    /// </summary>
    public static void Use(string? file, string? folders)
    {
        foreach (var (name, value) in new[] { ("SSL_CERT_FILE", file), ("SSL_CERT_DIR", folders) })
        {
            if (value is not null && Environment.GetEnvironmentVariable(name) != value && SetEnvironment(name, value, 1) != 0)
            {
                throw new InvalidOperationException($"{name} could not be set.");
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    /// <summary>Adds the certificates of the text; null, or the rule it breaks.</summary>
    private static string? Read(string text, X509Certificate2Collection certificates)
    {
        if (text.Length > MaxPem)
        {
            return $"The certificates have more than {MaxPem} characters; keep only the authority that signs this provider.";
        }

        if (text.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            return "The text holds a private key. Paste only the certificate of the authority.";
        }

        var rest = text.AsSpan();
        while (PemEncoding.TryFind(rest, out var fields))
        {
            var label = rest[fields.Label];
            if (label is Label or "X509 CERTIFICATE" or "TRUSTED CERTIFICATE")
            {
                try
                {
                    certificates.Add(X509CertificateLoader.LoadCertificate(Convert.FromBase64String(rest[fields.Base64Data].ToString())));
                }
                catch (CryptographicException)
                {
                    return $"Certificate {certificates.Count + 1} of the text cannot be read.";
                }
            }

            rest = rest[fields.Location.End..];
        }

        return certificates.Count == 0 || rest.Contains("-----BEGIN CERTIFICATE", StringComparison.Ordinal)
            ? "The text is not a certificate in PEM form: it begins with -----BEGIN CERTIFICATE----- and ends with its END line."
            : certificates.Count > MaxCertificates ? $"There are at most {MaxCertificates} certificates."
            : ShortRsaKey(certificates) is { } bits
                ? $"The connection's certificate authority holds an RSA key of {bits} bits; at least {MinRsaBits} are needed."
            : null;
    }
}
