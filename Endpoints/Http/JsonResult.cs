using System.Text.Encodings.Web;
using System.Text.Json;

namespace AiChat.Endpoints.Http;

/// <summary>A JSON object written by hand.</summary>
internal sealed class JsonResult(Action<Utf8JsonWriter> write) : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(
            httpContext.Response.BodyWriter, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        write(json);
        json.WriteEndObject();
        await json.FlushAsync(httpContext.RequestAborted);
    }
}
