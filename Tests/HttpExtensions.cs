using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace AiChat.Tests;

/// <summary>The vocabulary of the API tests.</summary>
internal static class HttpExtensions
{
    public static Task<HttpResponseMessage> PostJson(this HttpClient client, string path, object body) =>
        client.SendJson(HttpMethod.Post, path, body);

    public static Task<HttpResponseMessage> PutJson(this HttpClient client, string path, object body) =>
        client.SendJson(HttpMethod.Put, path, body);

    public static Task<HttpResponseMessage> PatchJson(this HttpClient client, string path, object body) =>
        client.SendJson(HttpMethod.Patch, path, body);

    public static Task<HttpResponseMessage> DeleteJson(this HttpClient client, string path, object body) =>
        client.SendJson(HttpMethod.Delete, path, body);

    public static async Task<HttpResponseMessage> SendJson(this HttpClient client, HttpMethod method, string path, object body)
    {
        using var request = new HttpRequestMessage(method, path) { Content = JsonContent.Create(body) };
        return await client.SendAsync(request);
    }

    /// <summary>Posts the body unchanged, for requests that no serializer would produce.</summary>
    public static async Task<HttpResponseMessage> PostRaw(
        this HttpClient client, string path, string body, string contentType = "application/json")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) };
        request.Content.Headers.Add("Content-Type", contentType);
        return await client.SendAsync(request);
    }

    public static async Task<JsonElement> GetJson(this HttpClient client, string path, HttpStatusCode expected = HttpStatusCode.OK) =>
        await (await client.GetAsync(path)).Json(expected);

    /// <summary>The status of an answer; null where nobody listens.</summary>
    public static async Task<HttpStatusCode?> Status(this HttpClient client, string path)
    {
        try
        {
            return (await client.GetAsync(path)).StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>The body of a response with the expected status; another status fails with the body in the message.</summary>
    public static async Task<JsonElement> Json(this HttpResponseMessage response, HttpStatusCode expected = HttpStatusCode.OK)
    {
        await response.Expect(expected);
        using var document = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync());
        response.Dispose();
        return document.RootElement.Clone();
    }

    public static async Task Expect(this HttpResponseMessage response, HttpStatusCode expected)
    {
        if (response.StatusCode != expected)
        {
            var body = await response.Content.ReadAsStringAsync();
            var asked = $"{response.RequestMessage?.Method} {response.RequestMessage?.RequestUri?.PathAndQuery}";
            Assert.Fail($"{asked}: expected {(int)expected}, was {(int)response.StatusCode}: {body}");
        }
    }

    /// <summary>Asserts a problem document with this status and code, and returns it.</summary>
    public static async Task<JsonElement> ExpectProblem(this HttpResponseMessage response, HttpStatusCode status, string code)
    {
        await response.Expect(status);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = await response.Json(status);
        Assert.Equal(code, problem.GetProperty("code").GetString());
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        Wording.Check(problem.GetProperty("detail").GetString()!);
        foreach (var error in problem.TryGetProperty("errors", out var errors) ? errors.EnumerateObject().SelectMany(
            field => field.Value.EnumerateArray()) : [])
        {
            Wording.Check(error.GetString()!);
        }

        return problem;
    }

    /// <summary>Posts and reads the response as a stream of server-sent events.</summary>
    public static Task<SseStream> PostStream(this HttpClient client, string path, object body) =>
        client.OpenStream(new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) });

    /// <summary>Attaches to a stream, after the event with this id if one is given.</summary>
    public static Task<SseStream> GetStream(this HttpClient client, string path, string? lastEventId = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        return client.OpenStream(request);
    }

    private static async Task<SseStream> OpenStream(this HttpClient client, HttpRequestMessage request)
    {
        using (request)
        {
            var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            await response.Expect(HttpStatusCode.OK);
            return await SseStream.OpenAsync(response);
        }
    }
}
