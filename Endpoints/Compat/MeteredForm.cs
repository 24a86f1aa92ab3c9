using System.Runtime.InteropServices;
using System.Text;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;
using AiChat.Providers.Transport;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace AiChat.Endpoints.Compat;

/// <summary>A form: its fields in clear, its files as the bytes that arrived. They are in memory once.</summary>
internal sealed class MeteredForm : MeteredBody
{
    private const int MaxParts = 256;
    private const int MaxField = 1024 * 1024;

    /// <summary>A tenth of a second of sound at the usual rate of a recording, which is about one token.</summary>
    private const int BytesPerToken = 1_600;

    private readonly List<Part> _parts = [];
    private readonly string _boundary = "aichat-" + Guid.NewGuid().ToString("N");
    private readonly MeteredEndpoint _endpoint;

    private MeteredForm(MeteredEndpoint endpoint) => _endpoint = endpoint;

    public override string? Model => Field("model");

    public override bool Streams => Field("stream") is { } text && text.Trim().Equals("true", StringComparison.OrdinalIgnoreCase);

    public override long PromptTokens =>
        _endpoint.Prompt.Sum(name => (long)TokenEstimate.Estimate(Field(name))) + _parts.Where(part => part.IsFile).Sum(FileTokens);

    public override int Answers => Count(
        Field("n") is not { } text ? null : int.TryParse(text, out var count) ? count : throw CompatRefusal.Bad("n is not an integer."));

    public override string MediaType => $"multipart/form-data; boundary={_boundary}";

    /// <exception cref="CompatRefusal">It is no form.</exception>
    public static async Task<MeteredForm> ReadForm(HttpContext context, MeteredEndpoint endpoint)
    {
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type)
            || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary).Value is not { Length: > 0 and <= 200 } boundary)
        {
            throw new CompatRefusal(new Problem(415, "unsupported_media_type", "Send multipart/form-data."));
        }

        var bytes = await CompatBody.ReadWhole(context);
        await SocketThreads.Leave(); // finding the boundaries of a large body would block a socket thread
        var form = new MeteredForm(endpoint);
        try
        {
            await form.Fill(bytes, boundary);
        }
        catch (Exception error) when (error is InvalidDataException or IOException)
        {
            throw CompatRefusal.Bad("The form is malformed.");
        }

        return form;
    }

    public override ProviderBody For(string model, bool askForUsage)
    {
        var text = new MemoryStream();
        List<BodyImage> files = [];
        foreach (var part in _parts.Where(part => !Dialect.Steering.Contains(part.Name)))
        {
            text.Write(Encoding.UTF8.GetBytes($"--{_boundary}\r\n{part.Head}\r\n"));
            if (part.Name == "model")
            {
                text.Write(Encoding.UTF8.GetBytes(model));
            }
            else
            {
                files.Add(new BodyImage((int)text.Length, part.Content.Length, part.Open) { IsRaw = true });
            }

            text.Write("\r\n"u8);
        }

        text.Write(Encoding.UTF8.GetBytes($"--{_boundary}--\r\n"));
        return new ProviderBody(text.ToArray(), files);
    }

    public override void Dispose()
    {
        // What arrived is plain memory.
    }

    private async Task Fill(ReadOnlyMemory<byte> bytes, string boundary)
    {
        await using var whole = Over(bytes);
        var reader = new MultipartReader(boundary, whole);
        var piece = new byte[16 * 1024];
        while (await reader.ReadNextSectionAsync() is { } section)
        {
            if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition)
                || HeaderUtilities.RemoveQuotes(disposition.Name).Value is not { Length: > 0 } name)
            {
                throw CompatRefusal.Bad("A part of the form has no name.");
            }

            var length = 0;
            for (int count; (count = await section.Body.ReadAsync(piece)) > 0;)
            {
                length += count;
            }

            if (_parts.Count == MaxParts)
            {
                throw CompatRefusal.Bad($"The form has more than {MaxParts} parts.");
            }

            var head = string.Concat(section.Headers!.Select(header => $"{header.Key}: {header.Value}\r\n"));
            var isFile = disposition.FileName.HasValue || disposition.FileNameStar.HasValue;
            _parts.Add(new Part(name, head, isFile, bytes.Slice((int)section.BaseStreamOffset!.Value, length)));
        }

        if (_parts.Count(part => part.Name == "model") > 1)
        {
            throw CompatRefusal.Bad("model is named more than once.");
        }
    }

    private long FileTokens(Part part) =>
        _endpoint.Answer == MeteredAnswer.Images ? TokenEstimate.PerImage : part.Content.Length / BytesPerToken;

    private string? Field(string name) => _parts.Find(part => part.Name == name) switch
    {
        null => null,
        { IsFile: true } => throw CompatRefusal.Bad($"{name} is a file."),
        { Content.Length: > MaxField } => throw CompatRefusal.Bad($"{name} is too long."),
        var part => Encoding.UTF8.GetString(part.Content.Span),
    };

    private static MemoryStream Over(ReadOnlyMemory<byte> bytes)
    {
        MemoryMarshal.TryGetArray(bytes, out var array);
        return new MemoryStream(array.Array!, array.Offset, array.Count, writable: false);
    }

    private sealed record Part(string Name, string Head, bool IsFile, ReadOnlyMemory<byte> Content)
    {
        public MemoryStream Open() => Over(Content);
    }
}
