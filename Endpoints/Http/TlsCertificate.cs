using System.Net.Security;
using System.Security.Authentication;
using AiChat.Data;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace AiChat.Endpoints.Http;

/// <summary>
/// The certificate of TLS_CERT_FILE and TLS_KEY_FILE. A new connection reads the files again when the last look is older than a second,
/// which also finds files that were replaced by rename or by another target of a link. Open connections go on. A pair that cannot be used
/// leaves the one before it in place.
/// </summary>
internal sealed partial class TlsCertificate : BackgroundService
{
    private const string UnusableNotice = "certificate_unusable";
    private const string ExpiresNotice = "certificate_expires";
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMinutes(1);

    /// <summary>A warning comes when this or a third of the certificate's life is left, whichever is less.</summary>
    private static readonly TimeSpan MaxWarning = TimeSpan.FromDays(14);

    private readonly string _certificateFile;
    private readonly string _keyFile;
    private readonly Notices _notices;
    private readonly BackgroundWork _background;
    private readonly TimeProvider _clock;
    private readonly ILogger<TlsCertificate> _logger;
    private readonly Lock _gate = new();
    private volatile SslServerAuthenticationOptions _answer;
    private TlsPair _pair;
    private string _seen;
    private string? _broken;
    private bool _brokenTold;
    private bool _expiryTold;
    private long _looked;

    /// <exception cref="StartupException">The pair cannot be used.</exception>
    public TlsCertificate(
        ServerOptions options, Notices notices, BackgroundWork background, TimeProvider clock, ILogger<TlsCertificate> logger)
    {
        (_notices, _background, _clock, _logger) = (notices, background, clock, logger);
        _certificateFile = options.TlsCertificateFile!;
        _keyFile = options.TlsKeyFile ?? _certificateFile;
        try
        {
            (_seen, _pair) = (ReadFiles(out var certificates, out var key), TlsPair.Read(certificates, key));
        }
        catch (Exception error) when (error is TlsPairException or IOException or UnauthorizedAccessException)
        {
            throw new StartupException(
                StartupException.Configuration, $"HTTPS cannot start with {Files}: {error.Message.TrimEnd('.')}.");
        }

        _answer = Answer(_pair);
        _looked = clock.GetTimestamp();
        TellExpiry();
    }

    private string Files => _keyFile == _certificateFile ? _certificateFile : $"{_certificateFile} and {_keyFile}";

    public TlsHandshakeCallbackOptions Handshake => new()
    {
        OnConnection = _ =>
        {
            Look();
            return new ValueTask<SslServerAuthenticationOptions>(_answer);
        },
    };

    /// <summary>Notices a change and an expiry also while nobody connects.</summary>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => _background.Repeat(
        "look at the certificate",
        async () =>
        {
            await Task.Delay(_broken is null || _brokenTold ? BetweenLooks : 2 * Fresh, _clock, stoppingToken);
            Look();
            lock (_gate)
            {
                TellExpiry();
            }

            return true;
        },
        stoppingToken);

    private static SslServerAuthenticationOptions Answer(TlsPair pair) => new()
    {
        ServerCertificateContext = pair.Context,
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13, // the system's default may still allow TLS 1.0
    };

    private void Look()
    {
        lock (_gate)
        {
            if (_clock.GetElapsedTime(_looked) < Fresh)
            {
                return;
            }

            _looked = _clock.GetTimestamp();
            var now = "";
            try
            {
                now = ReadFiles(out var certificates, out var key);
                if (now == _seen)
                {
                    Sound();
                    return;
                }

                Use(TlsPair.Read(certificates, key), now);
            }
            catch (Exception error) when (error is TlsPairException or IOException or UnauthorizedAccessException)
            {
                Broken(now, error.Message.TrimEnd('.'));
            }
        }
    }

    private void Use(TlsPair pair, string seen)
    {
        // The pair before it is not disposed: handshakes and open connections may still use it.
        (_pair, _seen, _expiryTold) = (pair, seen, false);
        _answer = Answer(pair);
        Sound();
        _notices.Remove(ExpiresNotice);
        LogLoaded(_certificateFile, pair.Certificate.Subject, pair.NotAfter);
        TellExpiry();
    }

    private void Sound()
    {
        if (_broken is not null)
        {
            _broken = null;
            _notices.Remove(UnusableNotice);
        }
    }

    /// <summary>Tells of it at the second look: between the replacement of the one file and that of the other, they do not fit.</summary>
    private void Broken(string content, string reason)
    {
        var again = _broken == content;
        _brokenTold = again && _brokenTold;
        _broken = content;
        if (!again || _brokenTold)
        {
            return;
        }

        _brokenTold = true;
        LogUnusable(Files, reason, _pair.NotAfter);
        _notices.Add(new Notice(
            UnusableNotice, $"The new certificate or key in {Files} cannot be used: {reason}. The server keeps the one it has.", Files));
    }

    private void TellExpiry()
    {
        var now = _clock.GetUtcNow();
        var life = (_pair.NotAfter - _pair.NotBefore) / 3;
        if (_expiryTold || (_pair.NotAfter - now > (life < MaxWarning ? life : MaxWarning) && _pair.NotBefore <= now))
        {
            return;
        }

        _expiryTold = true;
        LogExpires(_certificateFile, _pair.Certificate.Subject, _pair.NotBefore, _pair.NotAfter);
        _notices.Add(new Notice(
            ExpiresNotice,
            $"The certificate in {_certificateFile} is valid from {_pair.NotBefore:u} to {_pair.NotAfter:u}. Renew it; the new file "
            + "is used without a restart.",
            _certificateFile));
    }

    private string ReadFiles(out string certificates, out string key)
    {
        certificates = File.ReadAllText(_certificateFile);
        key = _keyFile == _certificateFile ? certificates : File.ReadAllText(_keyFile);
        return $"{certificates}\0{key}";
    }

    [LoggerMessage(LogLevel.Information, "The certificate in {File} was replaced: {Subject}, valid until {NotAfter:u}")]
    private partial void LogLoaded(string file, string subject, DateTimeOffset notAfter);

    [LoggerMessage(
        LogLevel.Error,
        "The new certificate or key in {Files} cannot be used: {Reason}. The one before it stays; it is valid until {NotAfter:u}")]
    private partial void LogUnusable(string files, string reason, DateTimeOffset notAfter);

    [LoggerMessage(
        LogLevel.Warning,
        "The certificate in {File} ({Subject}) is valid from {NotBefore:u} to {NotAfter:u}. Renew it; the new file is used at once")]
    private partial void LogExpires(string file, string subject, DateTimeOffset notBefore, DateTimeOffset notAfter);
}
