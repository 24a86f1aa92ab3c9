using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace AiChat.Providers.Transport;

/// <summary>
/// What an administrator needs to know about a certificate that was refused. Its texts are the peer's: cut, and on one line.
/// </summary>
/// <param name="Problem">The first reason: one of the words of <see cref="Explain"/>.</param>
/// <param name="Chain">The subjects from the certificate itself upwards, as far as they are known.</param>
internal sealed record CertificateFacts(
    string Problem, string Subject, string Issuer, DateTimeOffset NotBefore, DateTimeOffset NotAfter, IReadOnlyList<string> Names,
    IReadOnlyList<string> Chain)
{
    private const int MaxText = 200;
    private const int MaxItems = 8;

    private const X509ChainStatusFlags Signature = X509ChainStatusFlags.NotSignatureValid | X509ChainStatusFlags.HasWeakSignature;

    /// <summary>The facts of a handshake; null when the peer sent no certificate.</summary>
    public static CertificateFacts? Read(
        X509Certificate? peer, X509Chain? chain, SslPolicyErrors errors, bool hasShortKey, DateTimeOffset now)
    {
        if (peer is null)
        {
            return null;
        }

        using var certificate = new X509Certificate2(peer);
        var flags = chain?.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, status) => all | status.Status) ?? default;
        return new CertificateFacts(
            hasShortKey ? "short_key" : Name(errors, flags, certificate, now),
            Line(certificate.Subject),
            Line(certificate.Issuer),
            certificate.NotBefore.ToUniversalTime(),
            certificate.NotAfter.ToUniversalTime(),
            [.. NamesOf(certificate).Take(MaxItems).Select(Line)],
            [.. chain?.ChainElements.Take(MaxItems).Select(one => Line(one.Certificate.Subject)) ?? []]);
    }

    /// <summary>The problem, as the end of a sentence about the certificate. It holds no name: whoever chats may read it.</summary>
    public string Explain() => Problem switch
    {
        "self_signed" => "is signed by itself",
        "unknown_issuer" => "is signed by an authority that is not trusted here",
        "name_mismatch" => "is for another host",
        "expired" => $"expired on {NotAfter:yyyy-MM-dd}",
        "not_yet_valid" => $"is valid only from {NotBefore:yyyy-MM-dd HH:mm} UTC on; is this server's clock right?",
        "chain_expired" => "is signed by an authority whose own certificate has expired",
        "short_key" => "has, or is signed by, an RSA key that is too short",
        "bad_signature" => "carries a signature that is wrong or too weak",
        _ => "breaks a rule of certificates",
    };

    /// <summary>The same as a code, with the day or the size that the sentence names.</summary>
    /// <param name="bits">Of the RSA key that is too short.</param>
    public CallReason Reason(int? bits) => new(
        $"certificate_{Problem}",
        Problem switch
        {
            "expired" => string.Create(CultureInfo.InvariantCulture, $"{NotAfter:yyyy-MM-dd}"),
            "not_yet_valid" => string.Create(CultureInfo.InvariantCulture, $"{NotBefore:yyyy-MM-dd HH:mm} UTC"),
            "short_key" => bits?.ToString(CultureInfo.InvariantCulture),
            _ => null,
        });

    private static string Name(SslPolicyErrors errors, X509ChainStatusFlags flags, X509Certificate2 certificate, DateTimeOffset now) =>
        flags.HasFlag(X509ChainStatusFlags.NotTimeValid) && now > certificate.NotAfter ? "expired"
            : flags.HasFlag(X509ChainStatusFlags.NotTimeValid) && now < certificate.NotBefore ? "not_yet_valid"
            : (flags & (X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain)) != 0
                ? certificate.Subject == certificate.Issuer ? "self_signed" : "unknown_issuer"
            : flags.HasFlag(X509ChainStatusFlags.NotTimeValid) ? "chain_expired"
            : errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) ? "name_mismatch"
            : (flags & Signature) != 0 ? "bad_signature" : "other";

    private static IEnumerable<string> NamesOf(X509Certificate2 certificate)
    {
        foreach (var extension in certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>())
        {
            foreach (var name in extension.EnumerateDnsNames())
            {
                yield return name;
            }

            foreach (var address in extension.EnumerateIPAddresses())
            {
                yield return address.ToString();
            }
        }
    }

    private static string Line(string text)
    {
        var plain = string.Concat(text.Select(c => char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c));
        return plain.Length <= MaxText ? plain : plain[..MaxText] + "…";
    }
}
