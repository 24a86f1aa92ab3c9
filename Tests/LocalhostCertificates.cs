using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AiChat.Tests;

/// <summary>An authority of the test's own, and certificates of localhost that it signs.</summary>
internal sealed class LocalhostCertificates : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _authority;
    private byte _serial = 1;

    public LocalhostCertificates()
    {
        var request = new CertificateRequest("CN=AiChat test authority", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddYears(-1), DateTimeOffset.UtcNow.AddYears(10));
    }

    public string AuthorityPem => _authority.ExportCertificatePem();

    /// <summary>PEM of a certificate and of its key; each has another serial number.</summary>
    public (string Certificate, string Key, string Serial) Issue(int validDays = 90, AsymmetricAlgorithm? key = null)
    {
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = key is RSA rsa
            ? new CertificateRequest("CN=localhost", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest("CN=localhost", own, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        var end = DateTimeOffset.UtcNow.AddDays(validDays);
        using var certificate = request.Create(
            _authority.SubjectName, X509SignatureGenerator.CreateForECDsa(_key), end.AddDays(-90), end, [_serial++]);
        return (certificate.ExportCertificatePem(), (key ?? own).ExportPkcs8PrivateKeyPem(), certificate.SerialNumber);
    }

    public void Dispose()
    {
        _authority.Dispose();
        _key.Dispose();
    }
}
